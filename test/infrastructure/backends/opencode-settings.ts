import type { OpencodeSettings } from '../../../src/infrastructure/backends/opencode/settings.ts';

/** opencode's default settings, with the given changes. */
export function opencodeSettingsOf(given: Partial<OpencodeSettings> = {}): OpencodeSettings {
  return { path: null, model: null, permissionMode: 'default', extraArgs: [], ...given };
}

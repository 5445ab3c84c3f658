import type { OpencodeSettings } from '../../../src/infrastructure/backends/opencode/settings.ts';

/** opencode's settings as they are by default, but for those given. */
export function opencodeSettingsOf(given: Partial<OpencodeSettings> = {}): OpencodeSettings {
  return { path: null, model: null, permissionMode: 'default', extraArgs: [], ...given };
}

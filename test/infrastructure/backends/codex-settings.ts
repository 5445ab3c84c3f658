import type { CodexSettings } from '../../../src/infrastructure/backends/codex/settings.ts';

/** Codex's settings as they are by default, but for those given. */
export function codexSettingsOf(given: Partial<CodexSettings> = {}): CodexSettings {
  return { path: null, model: null, sandbox: 'workspace-write', extraArgs: [], ...given };
}

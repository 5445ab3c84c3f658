import type { CodexSettings } from '../../../src/infrastructure/backends/codex/settings.ts';

/** Codex's default settings, with the given changes. */
export function codexSettingsOf(given: Partial<CodexSettings> = {}): CodexSettings {
  return { path: null, model: null, sandbox: 'workspace-write', extraArgs: [], ...given };
}

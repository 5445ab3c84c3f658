import type { ClaudeSettings } from '../../../src/infrastructure/backends/claude/settings.ts';

/** The default settings, with the given changes. */
export function settingsOf(given: Partial<ClaudeSettings> = {}): ClaudeSettings {
  return {
    path: null,
    model: null,
    permissionMode: 'acceptEdits',
    allowedTools: [],
    extraArgs: [],
    maxBudgetUsd: null,
    ...given,
  };
}

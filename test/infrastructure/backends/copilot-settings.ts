import type { CopilotSettings } from '../../../src/infrastructure/backends/copilot/settings.ts';

/** Copilot's default settings, with the given changes. */
export function copilotSettingsOf(given: Partial<CopilotSettings> = {}): CopilotSettings {
  return {
    path: null,
    model: null,
    permissionMode: 'write',
    allowedTools: [],
    maxAiCredits: null,
    extraArgs: [],
    ...given,
  };
}

import type { CopilotSettings } from '../../../src/infrastructure/backends/copilot/settings.ts';

/** Copilot's settings as they are by default, but for those given. */
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

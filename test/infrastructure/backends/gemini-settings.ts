import type { GeminiSettings } from '../../../src/infrastructure/backends/gemini/settings.ts';

/** The default settings, with the given changes. */
export function geminiSettingsOf(given: Partial<GeminiSettings> = {}): GeminiSettings {
  return {
    path: null,
    model: null,
    approvalMode: 'auto_edit',
    allowedTools: [],
    extraArgs: [],
    ...given,
  };
}

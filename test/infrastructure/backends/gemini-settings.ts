import type { GeminiSettings } from '../../../src/infrastructure/backends/gemini/settings.ts';

/** The defaults, and what a test sets otherwise. */
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

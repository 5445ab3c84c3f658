import type { QwenSettings } from '../../../src/infrastructure/backends/qwen/settings.ts';

/** The defaults, and what a test sets otherwise. */
export function qwenSettingsOf(given: Partial<QwenSettings> = {}): QwenSettings {
  return {
    path: null,
    model: null,
    approvalMode: 'auto-edit',
    allowedTools: [],
    maxTurns: null,
    extraArgs: [],
    ...given,
  };
}

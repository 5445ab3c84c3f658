import type { QwenSettings } from '../../../src/infrastructure/backends/qwen/settings.ts';

/** The default settings, with the given changes. */
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

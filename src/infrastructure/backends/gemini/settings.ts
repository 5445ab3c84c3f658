import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, oneOf, orNone, textLike } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const modes = ['default', 'auto_edit', 'yolo', 'plan'] as const;

/** The user's settings of this backend: `backends.gemini` in `config.json`. */
export const geminiSettings = {
  path: setting(orNone(absolutePath), null, 'Gemini CLI; null: the `gemini` found on PATH.', {
    variable: 'MAOS_GEMINI_PATH',
    userOnly: true,
  }),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    "Default model of agents; null: Gemini CLI's own choice.",
    { variable: 'MAOS_GEMINI_MODEL' },
  ),
  approvalMode: setting(
    oneOf(modes),
    'auto_edit',
    'What Gemini CLI may do without asking; commands need yolo, or allowedTools.',
    { variable: 'MAOS_GEMINI_APPROVAL_MODE', userOnly: true },
  ),
  allowedTools: setting(
    listOfTexts('permission rule'),
    [],
    'Tools Gemini CLI may use without asking, such as run_shell_command(npm test).',
    { userOnly: true },
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for Gemini CLI.', {
    userOnly: true,
  }),
};

export type GeminiSettings = Values<typeof geminiSettings>;

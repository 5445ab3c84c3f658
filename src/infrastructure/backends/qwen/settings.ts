import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, oneOf, orNone, textLike, wholeNumber } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const modes = ['default', 'auto-edit', 'auto', 'yolo', 'plan'] as const;

/** The user's settings of this backend: `backends.qwen` in `config.json`. */
export const qwenSettings = {
  path: setting(orNone(absolutePath), null, 'Qwen Code; null: the `qwen` found on PATH.', {
    variable: 'MAOS_QWEN_PATH',
    userOnly: true,
  }),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    "Default model of agents; null: Qwen Code's own choice.",
    { variable: 'MAOS_QWEN_MODEL' },
  ),
  approvalMode: setting(
    oneOf(modes),
    'auto-edit',
    'What Qwen Code may do without asking; commands need yolo, or allowedTools.',
    { variable: 'MAOS_QWEN_APPROVAL_MODE', userOnly: true },
  ),
  allowedTools: setting(
    listOfTexts('permission rule'),
    [],
    'Tools Qwen Code may use without asking, such as run_shell_command(npm test).',
    { userOnly: true },
  ),
  maxTurns: setting(
    orNone(wholeNumber(1, 100_000)),
    null,
    'Requests one agent may make of its model in a row; null: no limit.',
    { variable: 'MAOS_QWEN_MAX_TURNS' },
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for Qwen Code.', {
    userOnly: true,
  }),
};

export type QwenSettings = Values<typeof qwenSettings>;

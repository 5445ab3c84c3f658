import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, oneOf, orNone, textLike, wholeNumber } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const modes = ['default', 'write', 'allTools', 'all'] as const;

/** The user's settings of this backend: `backends.copilot` in `config.json`. */
export const copilotSettings = {
  path: setting(orNone(absolutePath), null, 'The Copilot CLI; null: the `copilot` found on PATH.', {
    variable: 'MAOS_COPILOT_PATH',
    userOnly: true,
  }),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    "Default model of agents; null: Copilot's own choice.",
    { variable: 'MAOS_COPILOT_MODEL' },
  ),
  permissionMode: setting(
    oneOf(modes),
    'write',
    'What Copilot may do without asking: write files, use all tools, or all of it with every path and address.',
    { variable: 'MAOS_COPILOT_PERMISSION_MODE', userOnly: true },
  ),
  allowedTools: setting(
    listOfTexts('permission rule'),
    [],
    'Tools Copilot may use without asking, such as shell(npm test).',
    { userOnly: true },
  ),
  maxAiCredits: setting(
    orNone(wholeNumber(30, 1_000_000)),
    null,
    'AI credits one agent may spend; null: no limit.',
    { variable: 'MAOS_COPILOT_MAX_AI_CREDITS' },
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for the Copilot CLI.', {
    userOnly: true,
  }),
};

export type CopilotSettings = Values<typeof copilotSettings>;

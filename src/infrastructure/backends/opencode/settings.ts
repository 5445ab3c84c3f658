import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, oneOf, orNone, textLike } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const modes = ['default', 'auto'] as const;

/** The user's settings of this backend: `backends.opencode` in `config.json`. */
export const opencodeSettings = {
  path: setting(orNone(absolutePath), null, 'Path of opencode; null: the `opencode` found on PATH.', {
    variable: 'MAOS_OPENCODE_PATH',
    userOnly: true,
  }),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    "Default model of agents, as provider/model; null: opencode's own choice.",
    { variable: 'MAOS_OPENCODE_MODEL' },
  ),
  permissionMode: setting(
    oneOf(modes),
    'default',
    'What opencode may do without asking: what its own settings allow, or all that they do not deny.',
    { variable: 'MAOS_OPENCODE_PERMISSION_MODE', userOnly: true },
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for opencode run.', {
    userOnly: true,
  }),
};

export type OpencodeSettings = Values<typeof opencodeSettings>;

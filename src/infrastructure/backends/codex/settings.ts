import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, oneOf, orNone, textLike } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const sandboxes = ['read-only', 'workspace-write', 'danger-full-access'] as const;
const modelName = textLike(modelNamePattern, modelNameRule);

/** The user's settings of this backend: `backends.codex` in `config.json`. */
export const codexSettings = {
  path: setting(orNone(absolutePath), null, 'Codex; null: the `codex` found on PATH.', {
    variable: 'MAOS_CODEX_PATH',
    userOnly: true,
  }),
  model: setting(orNone(modelName), null, "Default model of agents; null: Codex's own choice.", {
    variable: 'MAOS_CODEX_MODEL',
  }),
  sandbox: setting(
    oneOf(sandboxes),
    'workspace-write',
    'What commands of Codex may do; nobody is asked for more.',
    { variable: 'MAOS_CODEX_SANDBOX', userOnly: true },
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for `codex exec`.', {
    userOnly: true,
  }),
};

export type CodexSettings = Values<typeof codexSettings>;

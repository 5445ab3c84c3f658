import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { absolutePath, listOfTexts, number, oneOf, orNone, textLike } from '../../config/kinds.ts';
import { setting, type Values } from '../../config/setting.ts';

const modes = ['acceptEdits', 'auto', 'bypassPermissions', 'manual', 'dontAsk', 'plan'] as const;
const modelName = textLike(modelNamePattern, modelNameRule);

/** The user's settings of this backend: `backends.claude` in `config.json`. */
export const claudeSettings = {
  path: setting(orNone(absolutePath), null, 'Claude Code; null: the `claude` found on PATH.', {
    variable: 'MAOS_CLAUDE_PATH',
    userOnly: true,
  }),
  model: setting(orNone(modelName), null, "Default model of agents; null: Claude Code's own choice.", {
    variable: 'MAOS_CLAUDE_MODEL',
  }),
  permissionMode: setting(oneOf(modes), 'acceptEdits', 'What Claude Code may do without asking.', {
    variable: 'MAOS_CLAUDE_PERMISSION_MODE',
  }),
  allowedTools: setting(
    listOfTexts('permission rule'),
    [],
    'Tools Claude Code may use without asking, such as Bash(npm test).',
  ),
  extraArgs: setting(listOfTexts('argument'), [], 'Further arguments for Claude Code.', {
    userOnly: true,
  }),
  maxBudgetUsd: setting(
    orNone(number(0.01, 1_000_000)),
    null,
    'US dollars one agent may spend; null: no limit.',
    { variable: 'MAOS_CLAUDE_MAX_BUDGET_USD' },
  ),
};

export type ClaudeSettings = Values<typeof claudeSettings>;

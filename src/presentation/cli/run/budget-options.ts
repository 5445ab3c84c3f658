import type { BudgetChange } from '../../../domain/budget.ts';
import { given } from '../../../domain/plan.ts';
import type { OptionSpec } from '../command.ts';
import type { OptionValues } from '../shell/option-values.ts';

export const budgetOptions: readonly OptionSpec[] = [
  {
    flags: '--max-tokens <n>',
    description: 'budget of the session in tokens, cached ones included',
    kind: 'integer',
    range: [1, Number.MAX_SAFE_INTEGER],
  },
  {
    flags: '--max-cost <usd>',
    description: 'budget in US dollars, as reported by the backends',
    kind: 'number',
    range: [0.000_001, 1_000_000],
  },
  {
    flags: '--max-turns <n>',
    description: 'budget in model turns',
    kind: 'integer',
    range: [1, Number.MAX_SAFE_INTEGER],
  },
  {
    flags: '--max-minutes <n>',
    description: 'budget in minutes from start to end',
    kind: 'number',
    range: [0.001, 525_600],
  },
];

/** The caps that the options give. */
export function budgetFromOptions(options: OptionValues): BudgetChange {
  const minutes = options.number('max-minutes');
  return given({
    maxTokens: options.number('max-tokens'),
    maxCostUsd: options.number('max-cost'),
    maxTurns: options.number('max-turns'),
    maxWallMs: minutes === undefined ? undefined : Math.round(minutes * 60_000),
  });
}

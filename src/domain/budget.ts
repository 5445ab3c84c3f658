import type { Usage } from './usage.ts';

/** Limits on spending; null means no limit. Time is included because flat plans report no cost. */
export interface Budget {
  /** Input, output and cache tokens together. */
  readonly maxTokens: number | null;
  /** US dollars as priced by the backend. */
  readonly maxCostUsd: number | null;
  readonly maxTurns: number | null;
  readonly maxWallMs: number | null;
}

/** Caps to replace those of a budget; missing ones stay as they are. */
export type BudgetChange = { readonly [K in keyof Budget]?: number };

export const noBudget: Budget = { maxTokens: null, maxCostUsd: null, maxTurns: null, maxWallMs: null };

export const budgetItems = ['tokens', 'cost_usd', 'turns', 'wall_ms'] as const;
export type BudgetItem = (typeof budgetItems)[number];

/** A limit that is nearly or fully used. */
export interface BudgetFinding {
  readonly item: BudgetItem;
  readonly level: 'warning' | 'exceeded';
  readonly spent: number;
  readonly limit: number;
}

/** Warn when this share of a limit is used. */
const warningShare = 0.8;

/** How much of a limit is used; `wall_ms` in milliseconds. */
export interface BudgetShare {
  readonly item: BudgetItem;
  readonly spent: number;
  readonly cap: number;
}

/**
 * One entry per limit.
 * @param wallMs how long it has been running, in milliseconds
 */
export function budgetShares(budget: Budget, usage: Usage | null, wallMs: number): readonly BudgetShare[] {
  const shares: Readonly<Record<BudgetItem, readonly [number, number | null]>> = {
    tokens: [usage === null ? 0 : tokensOf(usage), budget.maxTokens],
    cost_usd: [usage?.costUsd ?? 0, budget.maxCostUsd],
    turns: [usage?.turns ?? 0, budget.maxTurns],
    wall_ms: [wallMs, budget.maxWallMs],
  };
  return budgetItems.flatMap((item) => {
    const [spent, cap] = shares[item];
    return cap === null ? [] : [{ item, spent, cap }];
  });
}

/**
 * Warnings and exceeded limits. A limit counts as exceeded when it is reached, because the next turn would go beyond
 * it.
 * @param wallMs how long it has been running, in milliseconds
 */
export function checkBudget(budget: Budget, usage: Usage | null, wallMs: number): readonly BudgetFinding[] {
  return budgetShares(budget, usage, wallMs).flatMap(({ item, spent, cap }): BudgetFinding[] => {
    if (spent < cap * warningShare) return [];
    return [{ item, level: spent >= cap ? 'exceeded' : 'warning', spent, limit: cap }];
  });
}

export function tokensOf(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

const itemNames: Readonly<Record<BudgetItem, string>> = {
  tokens: 'tokens',
  cost_usd: 'cost',
  turns: 'turns',
  wall_ms: 'wall time',
};

/** As events publish it, such as "tokens: 120000 of 100000 (20 % over)"; people get `findingText`. */
export function describeFinding(finding: BudgetFinding): string {
  const { item, spent, limit } = finding;
  const [amount, cap] =
    item === 'wall_ms'
      ? [`${Math.round(spent / 1000)} s`, `${Math.round(limit / 1000)} s`]
      : item === 'cost_usd'
        ? [`$${spent.toFixed(4)}`, `$${limit}`]
        : [String(spent), String(limit)];
  return `${itemNames[item]}: ${amount} of ${cap} (${shareText(finding)})`;
}

/** `80 % used`, never rounded up to all of it; `20 % over`. */
export function shareText({ spent, limit, level }: BudgetFinding): string {
  return level === 'warning'
    ? `${Math.floor((spent / limit) * 100)} % used`
    : `${Math.round((spent / limit - 1) * 100)} % over`;
}

/** Parses that text from events of an earlier version, with the precision it has; 0 for missing numbers. */
export function readFinding(said: string): BudgetFinding {
  const [, name, spent, limit, share] =
    /^([a-z ]+): \$?([0-9.e+-]+)(?: s)? of \$?([0-9.e+-]+)(?: s)? \(-?\d+ % (used|over)\)$/.exec(said) ?? [];
  const item = budgetItems.find((known) => itemNames[known] === name) ?? 'tokens';
  const unit = item === 'wall_ms' ? 1000 : 1;
  return {
    item,
    level: share === 'over' ? 'exceeded' : 'warning',
    spent: Number(spent ?? 0) * unit,
    limit: Number(limit ?? 0) * unit,
  };
}

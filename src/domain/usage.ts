/** What an agent used, as reported by its backend. Zero means reported as zero; unknown is a null Usage. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Model turns. */
  readonly turns: number;
  /** US dollars as priced by the backend; null if it reports no price (flat plans, other CLIs). */
  readonly costUsd: number | null;
}

/** The usage that an attempt reported. */
export interface ReportedUsage extends Usage {
  /**
   * Covers only this attempt. If missing, and the attempt resumed a conversation, it may cover the whole conversation.
   */
  readonly isOfRun?: true;
}

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 0,
  costUsd: null,
};

/** Far above real use, and small enough that sums over thousands of agents remain exact integers. */
const maxCount = 1e12;
const maxCostUsd = 1e9;

/** Converts a provider's count to a plausible integer that is not negative; 0 if it is not a number. */
export function countOf(told: unknown): number {
  return typeof told === 'number' && !Number.isNaN(told) ? Math.round(within(told, maxCount)) : 0;
}

/** Converts a provider's price to a plausible one that is not negative; null if it is not a number. */
export function costOf(told: unknown): number | null {
  return typeof told === 'number' && !Number.isNaN(told) ? within(told, maxCostUsd) : null;
}

function within(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}

/** Usage that can be stored even if a provider reported impossible numbers. */
export function soundUsage(told: Readonly<Record<keyof Usage, unknown>>): Usage {
  return {
    inputTokens: countOf(told.inputTokens),
    outputTokens: countOf(told.outputTokens),
    cacheReadTokens: countOf(told.cacheReadTokens),
    cacheWriteTokens: countOf(told.cacheWriteTokens),
    turns: countOf(told.turns),
    costUsd: costOf(told.costUsd),
  };
}

export function addUsage(a: Usage, b: Usage): Usage {
  return combine(a, b, (one, other) => one + other);
}

/** Merges two possibly incomplete reports on the same work, taking the larger of each pair of numbers. */
export function fullerUsage(a: Usage, b: Usage): Usage {
  return combine(a, b, Math.max);
}

function combine(a: Usage, b: Usage, join: (one: number, other: number) => number): Usage {
  return soundUsage({
    inputTokens: join(a.inputTokens, b.inputTokens),
    outputTokens: join(a.outputTokens, b.outputTokens),
    cacheReadTokens: join(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: join(a.cacheWriteTokens, b.cacheWriteTokens),
    turns: join(a.turns, b.turns),
    costUsd:
      a.costUsd === null && b.costUsd === null ? null : withoutNoise(join(a.costUsd ?? 0, b.costUsd ?? 0)),
  });
}

/** Removes binary rounding errors: three times 0.31 is 0.93. */
function withoutNoise(dollars: number): number {
  return Math.round(dollars * 1e9) / 1e9;
}

/** Whether every count of `total` is at least that of `part`, so that `total` may contain it. */
function covers(total: Usage, part: Usage): boolean {
  return (
    total.inputTokens >= part.inputTokens &&
    total.outputTokens >= part.outputTokens &&
    (total.costUsd ?? 0) >= (part.costUsd ?? 0)
  );
}

/**
 * Usage over all attempts. A resumed conversation may report the tokens and cost of the whole conversation or only of
 * its latest part (Claude Code does the former after SIGTERM, the latter after SIGKILL), but only its latest turns. A
 * new conversation reports only its own.
 * @param before usage of earlier attempts
 * @param goesOn whether the current attempt resumed their conversation, under whatever id
 */
export function continuedUsage(before: Usage | null, reported: Usage | null, goesOn: boolean): Usage | null {
  if (before === null || reported === null) return reported ?? before;
  const sum = addUsage(before, reported);
  return goesOn && covers(reported, before) ? { ...reported, turns: sum.turns } : sum;
}

/**
 * What was used since a conversation was taken over, without what it had used before. A report that cannot contain
 * that is only of the latest part; the turns always are.
 */
export function usageSince(carried: Usage, reported: Usage): Usage {
  if (!covers(reported, carried)) return reported;
  return { ...combine(reported, carried, (all, before) => all - before), turns: reported.turns };
}

/** The sum over agents; null if none of them reported anything. */
export function totalUsage(usages: Iterable<Usage | null>): Usage | null {
  let total: Usage | null = null;
  for (const usage of usages) {
    if (usage !== null) total = total === null ? usage : addUsage(total, usage);
  }
  return total;
}

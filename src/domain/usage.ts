/** What an agent consumed, as its backend reported it. Zero is 'reported as zero'; unknown is a null Usage. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Model turns. */
  readonly turns: number;
  /** US dollars as the backend priced them; null where it names no price (flat plans, other CLIs). */
  readonly costUsd: number | null;
}

/** What an attempt reported of its usage. */
export interface ReportedUsage extends Usage {
  /** It is of this attempt alone. Absent: when the attempt went on with a conversation, it can be of all of that. */
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

/** Far beyond what any agent uses, and so small that sums over thousands of agents stay exact whole numbers. */
const maxCount = 1e12;
const maxCostUsd = 1e9;

/** A count as a provider told it, made one: whole, not negative, not beyond reason. What is no number counts as 0. */
export function countOf(told: unknown): number {
  return typeof told === 'number' && !Number.isNaN(told) ? Math.round(within(told, maxCount)) : 0;
}

/** A price as a provider told it, not negative and not beyond reason. What is no number is unknown. */
export function costOf(told: unknown): number | null {
  return typeof told === 'number' && !Number.isNaN(told) ? within(told, maxCostUsd) : null;
}

function within(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}

/** Usage that can be stored, also if a provider reported impossible numbers. */
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

/** Merges two accounts of the same work, each of which may be incomplete: the larger of each two numbers. */
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

/** Three times 0.31 is 0.93, in binary fractions as well. */
function withoutNoise(dollars: number): number {
  return Math.round(dollars * 1e9) / 1e9;
}

/** True when every count of `total` is at least that of `part`: `total` may contain it. */
function covers(total: Usage, part: Usage): boolean {
  return (
    total.inputTokens >= part.inputTokens &&
    total.outputTokens >= part.outputTokens &&
    (total.costUsd ?? 0) >= (part.costUsd ?? 0)
  );
}

/**
 * Usage over all attempts. A conversation gone on with may report the tokens and the cost of all it ever used, or only of
 * what came since (Claude Code does the one after SIGTERM and the other after SIGKILL); its turns are those since. A new
 * conversation reports its own.
 * @param before what earlier attempts used
 * @param goesOn the present attempt goes on with their conversation, under whatever id
 */
export function continuedUsage(before: Usage | null, reported: Usage | null, goesOn: boolean): Usage | null {
  if (before === null || reported === null) return reported ?? before;
  const sum = addUsage(before, reported);
  return goesOn && covers(reported, before) ? { ...reported, turns: sum.turns } : sum;
}

/** The sum over agents; null when none of them reported anything. */
export function totalUsage(usages: Iterable<Usage | null>): Usage | null {
  let total: Usage | null = null;
  for (const usage of usages) {
    if (usage !== null) total = total === null ? usage : addUsage(total, usage);
  }
  return total;
}

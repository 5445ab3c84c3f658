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

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 0,
  costUsd: null,
};

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    turns: a.turns + b.turns,
    costUsd: a.costUsd === null && b.costUsd === null ? null : (a.costUsd ?? 0) + (b.costUsd ?? 0),
  };
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
 * Usage over all attempts. A conversation gone on with may report all it ever used, or only what came since (Claude Code
 * does the one after SIGTERM and the other after SIGKILL); a new conversation reports its own.
 * @param before what earlier attempts used
 * @param sameConversation the present attempt goes on with theirs
 */
export function continuedUsage(
  before: Usage | null,
  reported: Usage | null,
  sameConversation: boolean,
): Usage | null {
  if (before === null || reported === null) return reported ?? before;
  return sameConversation && covers(reported, before) ? reported : addUsage(before, reported);
}

/** The sum over agents; null when none of them reported anything. */
export function totalUsage(usages: Iterable<Usage | null>): Usage | null {
  let total: Usage | null = null;
  for (const usage of usages) {
    if (usage !== null) total = total === null ? usage : addUsage(total, usage);
  }
  return total;
}

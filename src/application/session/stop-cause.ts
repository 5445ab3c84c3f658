import type { FailureKind } from '../../domain/agent.ts';
import type { Usage } from '../../domain/usage.ts';

/** Why MAOS ended a run. */
export type StopCause =
  | { readonly kind: 'cancelled'; readonly reason: string }
  | { readonly kind: 'interrupted'; readonly reason: string }
  /** The output shows that the run can no longer succeed; the backend explains why. */
  | { readonly kind: 'hopeless' }
  /** The agent returned this result long ago and did not end. */
  | { readonly kind: 'answered'; readonly result: string }
  /** `explain` states the measured value and the limit, from the usage and run time at the run's end. */
  | {
      readonly kind: 'limit';
      readonly failure: FailureKind;
      readonly explain: (usage: Usage | null, ranMs: number) => string;
    };

export function timeLimit(limitMs: number): StopCause {
  const limit = limitMs % 60_000 === 0 ? `${limitMs / 60_000} min` : `${limitMs / 1000} s`;
  const text = `It ran longer than its limit of ${limit} and was stopped. Give it a longer timeout_minutes, or a smaller task.`;
  return { kind: 'limit', failure: 'timeout', explain: () => text };
}

export function outputLimit(printed: number, limit: number): StopCause {
  const text = `It printed ${mebibytes(printed)} MiB, more than its limit of ${mebibytes(limit)} MiB (limits.maxOutputMb), and was stopped. Make it write to files, or print less.`;
  return { kind: 'limit', failure: 'output_limit', explain: () => text };
}

export function subagentLimit(started: number, limit: number): StopCause {
  const count = started === 1 ? '1 sub-agent' : `${started} sub-agents`;
  const text = `It started ${count}, more than its limit of ${limit} (max_subagents, limits.maxSubagents), and was stopped. Raise the limit, or give it a smaller task.`;
  return { kind: 'limit', failure: 'budget_exceeded', explain: () => text };
}

/** With one decimal, and more for values below 0.1. */
export function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20;
  return value >= 0.1 ? value.toFixed(1).replace(/\.0$/, '') : value.toPrecision(2);
}

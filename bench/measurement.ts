import type { Summary } from './statistics.ts';

/** The number that a limit applies to. */
export type Basis =
  /** Ratio of the medians, MAOS to floor. */
  | 'ratio'
  /** Difference of the medians, MAOS minus floor. */
  | 'difference'
  /** MAOS only. */
  | 'value';

export interface Limit {
  /** Limit of the median, or of the number that is computed from the medians. */
  readonly typical?: number;
  /** Limit of the 99th percentile of MAOS; only for the basis `value`. */
  readonly worst?: number;
  /** Limit of the 95th percentile of MAOS; only for the basis `value`. */
  readonly p95?: number;
}

export interface Measurement {
  readonly what: string;
  readonly unit: 'ms' | 'MB' | 'KB' | '%' | 'agents/s' | 'events';
  readonly maos: Summary;
  readonly floor: { readonly is: string; readonly summary: Summary } | null;
  readonly basis: Basis;
  /** Has to be met; null if there is no limit. */
  readonly must: Limit | null;
  readonly aim: Limit | null;
}

export interface BenchOptions {
  /** Few repetitions and few stored sessions: tests whether every row works, not its speed. */
  readonly quick: boolean;
  /** Reports progress on stderr. */
  readonly say: (text: string) => void;
}

/** One part of the bench. Throws when MAOS gives no answer or a wrong one, but never because it is slow. */
export interface Row {
  readonly name: string;
  measure(options: BenchOptions): Promise<readonly Measurement[]>;
}

/** The number that a limit of the median applies to. */
export function typicalOf({ maos, floor, basis }: Measurement): number {
  if (basis === 'value' || floor === null) return maos.p50;
  return basis === 'ratio' ? maos.p50 / floor.summary.p50 : maos.p50 - floor.summary.p50;
}

export function isWithin(measurement: Measurement, limit: Limit): boolean {
  const none = Number.POSITIVE_INFINITY;
  const { typical = none, worst = none, p95 = none } = limit;
  const { maos } = measurement;
  return typicalOf(measurement) <= typical && maos.p99 <= worst && maos.p95 <= p95;
}

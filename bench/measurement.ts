import type { Summary } from './statistics.ts';

/** What a limit of the contract is held against. */
export type Basis =
  /** The medians' ratio, MAOS over floor. */
  | 'ratio'
  /** The medians' difference, MAOS minus floor. */
  | 'difference'
  /** MAOS alone. */
  | 'value';

export interface Limit {
  /** For the median, or what is made of the medians. */
  readonly typical?: number;
  /** For the 99th percentile of MAOS, on the basis `value` only. */
  readonly worst?: number;
}

export interface Measurement {
  readonly what: string;
  readonly unit: 'ms' | 'MB' | 'KB' | '%' | 'agents/s' | 'events';
  readonly maos: Summary;
  readonly floor: { readonly is: string; readonly summary: Summary } | null;
  readonly basis: Basis;
  /** Section 12 of the contract; null where it names no number. */
  readonly must: Limit | null;
  readonly aim: Limit | null;
}

export interface BenchOptions {
  /** Few repetitions and few stored sessions: shows that every row works, not how fast it is. */
  readonly quick: boolean;
  /** Says on stderr what is under way. */
  readonly say: (text: string) => void;
}

/** One part of the bench; it throws when MAOS gives no answer or a wrong one, never for being slow. */
export interface Row {
  readonly name: string;
  measure(options: BenchOptions): Promise<readonly Measurement[]>;
}

/** The number a limit on the median is held against. */
export function typicalOf({ maos, floor, basis }: Measurement): number {
  if (basis === 'value' || floor === null) return maos.p50;
  return basis === 'ratio' ? maos.p50 / floor.summary.p50 : maos.p50 - floor.summary.p50;
}

export function isWithin(measurement: Measurement, limit: Limit): boolean {
  const { typical = Number.POSITIVE_INFINITY, worst = Number.POSITIVE_INFINITY } = limit;
  return typicalOf(measurement) <= typical && measurement.maos.p99 <= worst;
}

/** One thing `maos doctor` looked at. A `problem` must be fixed before MAOS can be used as it is set up; a `warning` need not. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  /** What to do about it. */
  readonly fix: string | null;
}

/** One result of `maos doctor`. A `problem` prevents using MAOS as it is set up; a `warning` does not. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  /** How to fix it. */
  readonly fix: string | null;
}

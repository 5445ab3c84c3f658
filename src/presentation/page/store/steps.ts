/** One readable step of an agent: what it said, used, got back, or printed. */
export interface Step {
  /** Orders the steps of a stream, and stays the same. */
  readonly seq: number;
  readonly at?: string | null;
  readonly kind: string;
  readonly title?: string;
  readonly text: string;
  readonly truncated?: boolean;
  readonly tool?: string;
  readonly is_error?: boolean;
}

export interface StepPage {
  readonly steps: readonly Step[];
  /** Where the next page begins. */
  readonly next_cursor: string;
  /** Where the page before ends; null: nothing is before it. */
  readonly previous_cursor: string | null;
  /** Nothing more has been written yet. */
  readonly at_end: boolean;
}

/** Loaded steps in order, without a gap or a repeat; null: none were loaded yet. */
export interface StepLog {
  readonly steps: readonly Step[];
  readonly next: string;
  readonly previous: string | null;
  readonly isAtEnd: boolean;
}

/** Further ones are dropped at the other end, and can be loaded again. */
const maxKept = 2_000;

export function firstPage({ steps, next_cursor, previous_cursor, at_end }: StepPage): StepLog {
  return { steps, next: next_cursor, previous: previous_cursor, isAtEnd: at_end };
}

/**
 * With a page that follows. The last step is replaced if the page begins with a longer state of it: output of a program
 * that is still printing.
 */
export function withLater(log: StepLog, page: StepPage): StepLog {
  const first = page.steps[0]?.seq ?? Number.POSITIVE_INFINITY;
  const steps = [...log.steps.filter(({ seq }) => seq < first), ...page.steps];
  const over = Math.max(0, steps.length - maxKept);
  return { ...log, steps: steps.slice(over), next: page.next_cursor, isAtEnd: page.at_end };
}

export function withEarlier(log: StepLog, page: StepPage): StepLog {
  const first = log.steps[0]?.seq ?? Number.POSITIVE_INFINITY;
  const steps = [...page.steps.filter(({ seq }) => seq < first), ...log.steps];
  return { ...log, steps, previous: page.previous_cursor };
}

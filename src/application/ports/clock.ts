export interface Clock {
  /** ISO 8601 UTC with milliseconds and `Z`. */
  now(): string;
  /** For durations: milliseconds since some fixed time, of which neither sleep nor a change of the machine's clock counts. */
  elapsedMs(): number;
  /** Runs the callback once; the returned function calls it off. Does not keep the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

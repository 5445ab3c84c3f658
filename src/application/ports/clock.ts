export interface Clock {
  /** ISO 8601 in UTC, with milliseconds and `Z`. */
  now(): string;
  /** For durations: milliseconds since a fixed time, without sleep and independent of changes to the machine's clock. */
  elapsedMs(): number;
  /** Calls back once; the returned function cancels that. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

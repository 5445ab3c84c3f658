export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Structured, to disk; `fields` must be JSON. Never stdout. */
export interface Log {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

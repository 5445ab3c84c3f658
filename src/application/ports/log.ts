export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Structured log on disk, never on stdout; `fields` must be JSON. */
export interface Log {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

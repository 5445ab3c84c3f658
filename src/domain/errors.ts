import { shorten } from './cut-text.ts';
import { showInvisible } from './invisible-marks.ts';

/** Stable codes, identical in MCP, ACP and on the command line. */
export const errorCodes = [
  'SESSION_NOT_FOUND',
  'AGENT_NOT_FOUND',
  'INVALID_ROLE',
  'INVALID_PLAN',
  'INVALID_INPUT',
  'INVALID_TRANSITION',
  'RESOURCE_LIMIT_EXCEEDED',
  'BACKEND_UNAVAILABLE',
  'SPAWN_FAILED',
  'STORE_BUSY',
  'STORE_CORRUPT',
  'CONFIG_INVALID',
  'FORBIDDEN',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/**
 * The only error class of MAOS. The message says what failed, the value that caused it and the next step; `details` has
 * the same facts for programs. Values shown in a message must go through {@link quote}.
 */
export class MaosError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MaosError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isMaosError(error: unknown, code?: ErrorCode): error is MaosError {
  return error instanceof MaosError && (code === undefined || error.code === code);
}

/** A path for a message: on one line and complete, because a shortened path could not be found. */
export function showPath(path: string): string {
  return showInvisible(JSON.stringify(path));
}

/** A value for a message: on one line, with control characters escaped, cut to 80 characters. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return showInvisible(JSON.stringify(shorten(text, 80, '...')));
}

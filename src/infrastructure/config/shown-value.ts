import { shorten } from '../../domain/cut-text.ts';
import { quote } from '../../domain/errors.ts';

/** A value as JSON shows it, so that "4" and 4 can be told apart. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  // 1e999 is read as Infinity, for which JSON has no word.
  if (typeof value === 'number') return String(value);
  return shorten(JSON.stringify(value) ?? String(value), 80, '...');
}

/** A key from a file as it may stand in a message. */
export function escaped(path: string): string {
  return /^[\w.-]{1,80}$/.test(path) ? path : quote(path);
}

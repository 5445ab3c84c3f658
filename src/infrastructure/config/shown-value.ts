import { shorten } from '../../domain/cut-text.ts';
import { quote } from '../../domain/errors.ts';

/** A value in JSON notation, which distinguishes "4" from 4. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  // 1e999 is read as Infinity, which JSON cannot express.
  if (typeof value === 'number') return String(value);
  return shorten(JSON.stringify(value) ?? String(value), 80, '...');
}

/** A key from a file, safe to show in a message. */
export function escaped(path: string): string {
  return /^[\w.-]{1,80}$/.test(path) ? path : quote(path);
}

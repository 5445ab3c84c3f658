import { startOf } from '../../domain/cut-text.ts';
import { isSecretArgument, redactArgument } from './command-secrets.ts';
import { redactText } from './redact.ts';
import { isSecretMember } from './secret-names.ts';
import { redacted } from './secret-shapes.ts';

const deepest = 12;
const mostItems = 100;
/** The limit for a traced protocol message. */
const longestText = 16_384;

/**
 * Converts any value to plain JSON of bounded size for a log: secrets replaced, errors with code, stack and cause.
 * Handles cycles and getters that throw.
 */
export function loggable(value: unknown): unknown {
  return plain(value, false, 0, []);
}

/** @param secret the name of an enclosing field indicates a secret: replace all text below */
function plain(value: unknown, secret: boolean, depth: number, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'string':
      return secret ? redacted : bounded(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : plainObject(value, secret, depth, above);
    default:
      // bigint, symbol, function
      return secret ? redacted : bounded(String(value));
  }
}

function plainObject(value: object, secret: boolean, depth: number, above: readonly object[]): unknown {
  if (above.includes(value)) return '[circular]';
  if (depth >= deepest) return '[too deep]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const within = [...above, value];
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value];
    const shown = items.slice(0, mostItems).map((item, index) => {
      if (typeof item !== 'string') return plain(item, secret, depth + 1, within);
      return plain(
        redactArgument(item),
        secret || isSecretArgument(items[index - 1], item),
        depth + 1,
        within,
      );
    });
    return items.length > mostItems ? [...shown, `[${items.length - mostItems} more]`] : shown;
  }
  const entries = value instanceof Error ? errorEntries(value) : entriesOf(value);
  const shown = entries
    .slice(0, mostItems)
    .map(([key, item]) => [
      key,
      plain(item, secret || isSecretMember(key, typeof item === 'object'), depth + 1, within),
    ]);
  if (entries.length > mostItems) shown.push(['...', `[${entries.length - mostItems} more]`]);
  return Object.fromEntries(shown);
}

function errorEntries(error: Error): [string, unknown][] {
  // Own fields such as code, details, errno and path, then the non-enumerable ones. JSON omits undefined ones.
  return [
    ['name', error.name],
    ['message', error.message],
    ...entriesOf(error).filter(([key]) => key !== 'name' && key !== 'message'),
    ['stack', error.stack],
    ['cause', error.cause],
    ['errors', error instanceof AggregateError ? error.errors : undefined],
  ];
}

function entriesOf(value: object): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  return Object.keys(value).map((key) => {
    try {
      return [key, (value as Record<string, unknown>)[key]];
    } catch (error) {
      return [key, `[unreadable: ${String(error)}]`];
    }
  });
}

function bounded(text: string): string {
  // Shortened only after secrets are replaced, because a part of one would not be recognised.
  const clean = redactText(text.length > 2 * longestText ? startOf(text, 2 * longestText) : text);
  return clean.length > longestText
    ? `${startOf(clean, longestText)}[${text.length} characters in all]`
    : clean;
}

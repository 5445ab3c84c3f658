import { descriptorOf } from '../../../domain/events.ts';
import type { SessionEvent } from '../api.ts';
import { plain } from '../text/clean.ts';

/** The event in a few words: those of the server, or the same made here of an event of the stream. */
export function eventText(event: SessionEvent): string {
  return plain(event.text ?? described(event)).replaceAll(/\s+/g, ' ');
}

function described({ type, data }: SessionEvent): string {
  try {
    return descriptorOf(type)?.text(camelCased(data)) ?? type;
  } catch {
    // An event of another version.
    return type;
  }
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelCased(inner),
    ]),
  );
}

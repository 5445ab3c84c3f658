import { user } from '../../application/messaging/recipients.ts';
import { plainText } from '../../application/queries/agent-output.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { EventReader } from '../../domain/events/event-type.ts';
import { type DomainEvent, descriptorOf } from '../../domain/events.ts';

/** Events as lines for people, the same on a terminal and for clients. */

type Names = ReadonlyMap<string, string>;

/** The event on one line without control characters. */
export function describeEvent({ type, data }: DomainEvent): string {
  return oneLine(descriptorOf(type)?.text(data) ?? type);
}

/**
 * The agent that the event is about, by name; empty for the session itself. A message has its recipient, and when it is
 * queued its sender too.
 * @param names agents' names by id; a missing one is shown by its id
 */
export function subjectOf(event: DomainEvent, names: Names): string {
  if ('name' in event.data) return event.data.name ?? '';
  const nameOf = (id: string | null, outside: string): string =>
    id === null ? outside : (names.get(id) ?? id);
  if (event.type === 'message.queued')
    return `${nameOf(event.data.from, user)} to ${nameOf(event.agentId, user)}`;
  if (event.type.startsWith('message.')) return nameOf(event.agentId, user);
  return nameOf(event.type === 'artifact.recorded' ? event.data.by : event.agentId, '');
}

/** Such as `spec: started (documenter, claude)`. */
export function eventLine(event: DomainEvent, names: Names): string {
  return `${subjectOf(event, names) || 'session'}: ${describeEvent(event)}`;
}

/** The same in at most 200 characters; null for events that are not progress. */
export function progressLine(event: DomainEvent, names: Names): string | null {
  return isHidden(event, 'progress') ? null : shorten(eventLine(event, names), 200);
}

export function isHidden({ type }: DomainEvent, reader: EventReader): boolean {
  return descriptorOf(type)?.hiddenFrom?.includes(reader) ?? false;
}

/** External text on one line, without control characters; for names use `showName`. */
export function oneLine(text: string): string {
  return plainText(text.replaceAll(/[ \t\n\v\f\r]+/g, ' ')).trim();
}

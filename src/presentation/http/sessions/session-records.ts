import type * as z from 'zod';
import type { Project } from '../../../application/project.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { MessageId, SessionId } from '../../../domain/ids.ts';
import { describeEvent, subjectOf } from '../../contracts/event-lines.ts';
import { messageView } from '../../contracts/message-view.ts';
import { eventView, namesOf } from '../../contracts/views.ts';
import type { sessionEventsQuerySchema, sessionMessagesQuerySchema } from './session-schemas.ts';

const defaultLimit = 100;
/** A page with more characters than this is cut short. */
const fullPage = 512 * 1024;

/** A page of a session's events: newest first, or after one of them, oldest first. */
export function eventsPage(
  { store }: Project,
  id: SessionId,
  query: z.infer<typeof sessionEventsQuerySchema>,
) {
  const limit = Number(query.limit ?? defaultLimit);
  if (query.before !== undefined && query.after !== undefined) {
    throw new MaosError('INVALID_INPUT', "query: give 'before' or 'after', not both.");
  }
  const names = namesOf(store.load(id).agents);
  const viewOf = (event: RecordedEvent) => ({
    ...eventView(event),
    text: describeEvent(event),
    subject: subjectOf(event, names),
  });
  if (query.after !== undefined) {
    const found = store.events(id, Number(query.after), limit + 1);
    const events = fitting(found.slice(0, limit).map(viewOf));
    return { events, next: events.length < found.length ? (events.at(-1)?.seq ?? null) : null };
  }
  const last = Math.min(store.lastSeq(id), Number(query.before ?? Number.MAX_SAFE_INTEGER) - 1);
  const after = Math.max(0, last - limit);
  const found = last <= 0 ? [] : store.events(id, after, last - after);
  const events = fitting(found.toReversed().map(viewOf));
  const first = events.at(-1)?.seq ?? 0;
  return { events, next: first > 1 ? first : null };
}

export function messagesPage(
  { store }: Project,
  id: SessionId,
  query: z.infer<typeof sessionMessagesQuerySchema>,
) {
  const limit = Number(query.limit ?? defaultLimit);
  const { agents } = store.load(id);
  const before = query.before === undefined ? {} : { before: query.before as MessageId };
  const found = store.messages.list({ sessionId: id, limit: limit + 1, ...before });
  const messages = fitting(found.slice(0, limit).map((message) => messageView(message, agents)));
  return { messages, next: messages.length < found.length ? (messages.at(-1)?.id ?? null) : null };
}

/** As many of the first as a page holds, at least one. */
function fitting<T>(all: readonly T[]): readonly T[] {
  let chars = 0;
  const index = all.findIndex((one) => {
    chars += JSON.stringify(one).length;
    return chars > fullPage;
  });
  return index < 0 ? all : all.slice(0, Math.max(1, index));
}

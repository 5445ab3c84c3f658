import type { InputRequestId, MessageId, SessionId } from '../../domain/ids.ts';
import type { InputRequest } from '../../domain/input-request.ts';
import type { Message } from '../../domain/message.ts';
import type { ArchiveDocument } from '../ports/maintenance.ts';
import type { Project } from '../project.ts';

type Needs = Pick<Project, 'store'>;

const pageSize = 200;
/** More open requests than the agents of a session have. */
const mostOpen = 10_000;

/**
 * The messages of a session. Their states change while an archive is written, so only what stays the same is in it;
 * the events tell the rest.
 */
export function messagesDocument({ store }: Needs, sessionId: SessionId): ArchiveDocument {
  const newest = store.messages.list({ sessionId, limit: 1 })[0]?.id;
  const older = (before: MessageId | undefined) =>
    store.messages.list({ sessionId, limit: pageSize, ...(before === undefined ? {} : { before }) });
  return { path: 'messages.json', text: () => jsonArray(upTo(newest, older, recordOf)) };
}

/** The requests of a session, with their answers. One that is open now is shown as open. */
export function requestsDocument({ store }: Needs, sessionId: SessionId): ArchiveDocument {
  const { inputRequests } = store;
  const newest = inputRequests.list({ sessionId, limit: 1 })[0]?.id;
  const open = new Map(
    inputRequests.list({ sessionId, state: 'open', limit: mostOpen }).map((request) => [request.id, request]),
  );
  const older = (before: InputRequestId | undefined) =>
    inputRequests.list({ sessionId, limit: pageSize, ...(before === undefined ? {} : { before }) });
  const asItWas = (request: InputRequest) => open.get(request.id) ?? request;
  return { path: 'requests.json', text: () => jsonArray(upTo(newest, older, asItWas)) };
}

function recordOf(message: Message) {
  const { id, from, to, type, subject, body, contentType, correlationId, replyTo, broadcastId } = message;
  const { queuedAt, expiresAt } = message;
  return {
    ...{ id, from, to, type, subject, body, contentType, correlationId, replyTo, broadcastId },
    ...{ queuedAt, expiresAt },
  };
}

/** Newest first, from the newest record of a fixed moment on. */
function* upTo<Id extends string, T extends { readonly id: Id }>(
  newest: Id | undefined,
  older: (before: Id | undefined) => readonly T[],
  shown: (record: T) => object,
): Generator<object> {
  if (newest === undefined) return;
  for (let before: Id | undefined; ; ) {
    const page = older(before);
    for (const record of page) if (record.id <= newest) yield shown(record);
    before = page.at(-1)?.id;
    if (before === undefined) return;
  }
}

/** One record per line. */
function* jsonArray(records: Iterable<object>): Generator<string> {
  let separator = '\n';
  yield '[';
  for (const record of records) {
    yield `${separator}${JSON.stringify(record)}`;
    separator = ',\n';
  }
  yield '\n]\n';
}

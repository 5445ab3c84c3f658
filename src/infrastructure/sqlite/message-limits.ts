import { plural } from '../../domain/amounts.ts';
import { MaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Message, MessageLimits } from '../../domain/message.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { inState } from '../../domain/state-words.ts';
import { endOfRecipient } from './message-rows.ts';
import type { Database } from './open-database.ts';
import { readSession } from './workflow-reader.ts';

/** Limits that are checked before messages are stored. Call every function inside a transaction. */

/** Messages in a conversation no longer wait. */
const countWaiting = `SELECT count(*) AS waiting FROM messages WHERE session_id = ? AND recipient_id IS ?
  AND (state = 'queued' OR lease_until IS NOT NULL)`;
/**
 * The first of the agent's last messages, if it has sent as many as allowed within the minute. Ignores messages with a
 * later time, which are from before the clock was set back.
 */
const selectFirstOfPace = `SELECT min(queued_at) AS at FROM messages
  WHERE sender_id = ? AND queued_at > ? AND queued_at <= ?
  GROUP BY coalesce(broadcast_id, id) ORDER BY at DESC LIMIT 1 OFFSET ?`;
const selectLastOfOthers = `SELECT coalesce(max(place), 0) AS place FROM messages
  WHERE recipient_id IN (:a, :b) AND (sender_id IS NULL OR sender_id NOT IN (:a, :b))`;
const selectExchange = `SELECT sender_id FROM messages WHERE place > :place AND sender_id IN (:a, :b)
  AND recipient_id IN (:a, :b) ORDER BY place DESC`;
const minuteMs = 60_000;

/** @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION */
export function assertOpen(db: Database, id: SessionId): void {
  const { state } = readSession(db, id);
  if (!isSessionEnded(state)) return;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Session ${id} ${inState(state)}: it has no agent left to receive a message.`,
    { details: { sessionId: id, state } },
  );
}

/** @throws MaosError INVALID_TRANSITION */
export function assertReceives(db: Database, { to }: Message): void {
  const end = to === null ? null : endOfRecipient(db, to);
  if (end === null) return;
  throw new MaosError(
    'INVALID_TRANSITION',
    `Nothing was sent: ${end}. Write to another agent or to 'lead'; 'maos logs' shows its result.`,
    { details: { recipient: to } },
  );
}

export function assertRoom(db: Database, { sessionId, to }: Message, limit: number): void {
  const waiting = Number(db.sql(countWaiting).get(sessionId, to)?.waiting);
  if (waiting <= limit) return;
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `${limit} messages are waiting for ${to ?? 'outside the team'}. Acknowledge some before sending more.`,
    { details: { recipient: to, limit } },
  );
}

/** @throws MaosError RESOURCE_LIMIT_EXCEEDED when the agent has sent as many messages as allowed per minute */
export function assertPace(
  db: Database,
  [message]: readonly Message[],
  { perMinute }: MessageLimits,
  at: string,
): void {
  if (perMinute === null || message === undefined || message.from === null) return;
  const from = new Date(Date.parse(at) - minuteMs).toISOString();
  const first = db.sql(selectFirstOfPace).get(message.from, from, at, perMinute - 1)?.at;
  if (first === undefined) return;
  const again = new Date(Date.parse(String(first)) + minuteMs).toISOString();
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `Nothing was sent: an agent may send ${plural(perMinute, 'message')} a minute (limits.messagesPerMinute), and this one has. It may send the next one at ${again}.`,
    { details: { limit: perMinute, setting: 'limits.messagesPerMinute', retryAt: again } },
  );
}

/**
 * Two agents that only answer each other might never stop. A message from anyone else to one of them resets the count.
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED
 */
export function assertNoLoop(db: Database, { from: a, to: b }: Message, limits: MessageLimits): void {
  if (a === null || b === null || a === b) return;
  const { place } = db.sql(selectLastOfOthers).get({ a, b }) as { place: number };
  let turns = 0;
  let last: unknown = a;
  for (const { sender_id: sender } of db.sql(selectExchange).iterate({ place, a, b })) {
    if (sender === last) continue;
    last = sender;
    turns += 1;
    if (turns < limits.maxExchange) continue;
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `Nothing was sent: these two agents have answered each other ${turns} times in a row, and nobody else has written to either of them. Go on with your work without an answer, or write to 'lead' or 'user'; when somebody else writes to one of you, you may write to each other again.`,
      { details: { limit: limits.maxExchange, with: b } },
    );
  }
}

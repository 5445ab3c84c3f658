import { user } from '../../application/messaging/recipients.ts';
import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { Message } from '../../domain/message.ts';

/** A message as shown to programs, with the names of its session's agents. Fields without a value are absent. */
export function messageView(message: Message, agents: readonly Agent[]) {
  return {
    id: message.id,
    session_id: message.sessionId,
    from: partyName(message.from, agents),
    to: partyName(message.to, agents),
    type: message.type,
    subject: message.subject,
    body: message.body,
    state: message.state,
    attempt: message.attempt,
    queued_at: message.queuedAt,
    ...there({
      reply_to: message.replyTo,
      via: message.via,
      expires_at: message.expiresAt,
      delivered_at: message.deliveredAt,
      lease_until: message.leaseUntil,
      acknowledged_at: message.acknowledgedAt,
      reason: message.deadReason ?? message.lastTrouble,
    }),
  };
}

/** For an agent of another session, its id. */
export function partyName(id: AgentId | null, agents: readonly Agent[]): string {
  return id === null ? user : (agents.find((agent) => agent.id === id)?.name ?? id);
}

function there<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as { [K in keyof T]?: NonNullable<T[K]> };
}

import type { Message } from '../../domain/message.ts';
import type { Mailbox } from '../messaging/mailbox.ts';
import type { LaunchKey } from '../ports/agent-host.ts';
import type { SessionRecord } from './session-record.ts';

/** Maximum number of messages that are checked at a time. */
const maxLooked = 1_000;

/**
 * Makes messages that were claimed for earlier attempts of the agent, and not seen there, wait again.
 * @returns the messages that are claimed for this attempt, in order
 */
export async function releaseEarlier(
  mailbox: Mailbox,
  record: SessionRecord,
  { sessionId, agentId, attempt }: LaunchKey,
): Promise<readonly Message[]> {
  const queued = mailbox.list({ sessionId, to: agentId, state: 'queued', limit: maxLooked }).toReversed();
  const earlier = queued.map(({ agentAttempt }) => agentAttempt ?? attempt).filter((of) => of < attempt);
  for (const of of new Set(earlier)) await record.whenStoreIsFree(() => mailbox.release(agentId, of));
  return queued.filter(({ agentAttempt }) => agentAttempt === attempt);
}

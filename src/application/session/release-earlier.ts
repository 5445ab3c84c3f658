import type { Message } from '../../domain/message.ts';
import type { Mailbox } from '../messaging/mailbox.ts';
import type { LaunchKey } from '../ports/agent-host.ts';
import type { SessionRecord } from './session-record.ts';

/**
 * Makes messages that were claimed for earlier attempts of the agent, and not seen there, wait again.
 * @returns the messages that are claimed for this attempt, in order
 */
export async function releaseEarlier(
  mailbox: Mailbox,
  record: SessionRecord,
  { agentId, attempt }: LaunchKey,
): Promise<readonly Message[]> {
  const claimed = mailbox.onTheirWay(agentId);
  const earlier = claimed.map(({ agentAttempt }) => agentAttempt ?? attempt).filter((of) => of < attempt);
  for (const of of new Set(earlier)) await record.whenStoreIsFree(() => mailbox.release(agentId, of));
  return claimed.filter(({ agentAttempt }) => agentAttempt === attempt);
}

import type { Message } from '../../domain/message.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Backends } from '../ports/backend.ts';

/**
 * How and when a message that was sent gets to its recipient, in words for its sender.
 * @param workflow of its session
 */
export function outlookOf(message: Message, { agents }: Workflow, backends: Backends): string {
  const { state, via, to } = message;
  if (state === 'expired') return `expired: not delivered by ${message.expiresAt}`;
  if (state === 'dead') return `not delivered: ${message.deadReason}`;
  if (state !== 'queued') return state;
  if (via !== null) return 'queued; on its way';
  const recipient = agents.find(({ id }) => id === to);
  if (recipient === undefined)
    return "queued; until somebody outside the team reads it ('maos message read')";
  const can = backends.capabilitiesOf(recipient.backend);
  if (can === null || can.takesCommand) return "queued; until its program reads it ('maos message read')";
  if (recipient.state !== 'running') return 'queued; it comes with the prompt of its next start';
  if (can.receives) return 'queued; it takes messages while it works, so it comes at once';
  return can.servesMcp
    ? 'queued; it takes no messages while it works, so it comes with its next call of a team tool, or with its next start'
    : 'queued; it takes no messages while it works, so it comes with its next start';
}

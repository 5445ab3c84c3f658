import type { Message } from '../../domain/message.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Backends } from '../ports/backend.ts';

/**
 * How and when a sent message reaches its recipient, in words for its sender.
 * @param workflow that of the message's session
 */
export function outlookOf(message: Message, { agents }: Workflow, backends: Backends): string {
  const { state, via, to } = message;
  if (state === 'expired') return `expired: not delivered by ${message.expiresAt}`;
  if (state === 'dead') return `not delivered: ${message.deadReason}`;
  if (state !== 'queued') return state;
  const recipient = agents.find(({ id }) => id === to);
  // A claim of an attempt that has ended holds nothing back.
  if (via !== null && recipient?.state === 'running') return 'on its way';
  if (recipient === undefined) return "comes when somebody outside the team reads it ('maos message read')";
  const can = backends.capabilitiesOf(recipient.backend);
  if (can === null || can.takesCommand) return "comes when its program reads it ('maos message read')";
  if (recipient.state !== 'running') return 'comes with the prompt of its next start';
  if (backends.get(recipient.backend).live?.takesTexts === 'between_turns') {
    return 'comes with its next call of a team tool, or when its turn ends';
  }
  if (can.receives) return 'comes at once: its CLI takes messages while it works';
  return can.servesMcp
    ? 'comes with its next call of a team tool, or at its next start: its CLI takes no messages while it works'
    : 'comes at its next start: its CLI takes no messages while it works';
}

import * as z from 'zod';
import { Mailbox } from '../../../application/messaging/mailbox.ts';
import { outlookOf } from '../../../application/messaging/outlook.ts';
import type { Project } from '../../../application/project.ts';
import { whenFree } from '../../../application/when-free.ts';
import { MaosError } from '../../../domain/errors.ts';
import { type AgentId, parseMessageId, type SessionId } from '../../../domain/ids.ts';
import { messageStates } from '../../../domain/message.ts';
import { messageTypes } from '../../../domain/message-type.ts';
import { partyName } from '../../contracts/message-view.ts';
import { locateSession } from '../../project-access.ts';
import { countFitting, roomBeside } from '../answers/budget.ts';
import { defineTool } from '../server/tool.ts';

const input = z.strictObject({
  session_id: z.string(),
  to: z.string().describe("Agent's name, role, 'lead' or 'all'"),
  body: z.string(),
  type: z.enum(messageTypes).optional(),
  subject: z.string().optional(),
  reply_to: z.string().optional(),
});

const output = z.strictObject({
  summary: z.string(),
  messages: z.array(
    z.strictObject({
      message_id: z.string(),
      to: z.string(),
      state: z.enum(messageStates),
      delivery: z.string(),
    }),
  ),
});

export const sendMessage = defineTool({
  name: 'send-message',
  title: 'Write to agents',
  description:
    'Sends a message to agents of a session; the answer says when each gets it. Replies: session-status with include_messages.',
  input,
  output,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
  async run({ session_id, to, body, type, subject, reply_to }, context) {
    const { project, id } = await locateSession(context, session_id);
    const request = {
      ...{ id: null, sessionId: id, from: senderIn(project, id), to, body },
      ...{ type: type ?? null, subject: subject ?? '', contentType: 'text/plain', schemaVersion: null },
      ...{ correlationId: null, maxAttempts: null },
      replyTo: reply_to === undefined ? null : parseMessageId(reply_to),
    };
    const { messages } = await whenFree(project, () => new Mailbox(project).send(request));
    const workflow = project.store.load(id);
    const sent = messages.map((message) => ({
      message_id: message.id,
      to: partyName(message.to, workflow.agents),
      state: message.state,
      delivery: outlookOf(message, workflow, project.backends),
    }));
    const summary =
      sent.length === 1
        ? `${sent[0]?.message_id} to ${sent[0]?.to}: ${sent[0]?.delivery}.`
        : `Sent to ${sent.length} agents.`;
    return { summary, messages: sent.slice(0, countFitting(sent, roomBeside({ summary, messages: [] }))) };
  },
});

/**
 * The sender that this server acts for: the agent that started the server, if it also started the session; otherwise
 * someone outside the team.
 * @throws MaosError FORBIDDEN
 */
function senderIn({ parent, store }: Project, sessionId: SessionId): AgentId | null {
  if (parent === null) return null;
  if (store.load(sessionId).session.parent?.agentId === parent.agentId) return parent.agentId;
  throw new MaosError(
    'FORBIDDEN',
    `Session ${sessionId} is not a team that this agent started. To its own team an agent writes with send_message of its team's server, or with 'maos message send'.`,
    { details: { sessionId, agentId: parent.agentId } },
  );
}

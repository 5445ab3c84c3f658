import * as z from 'zod';
import { Mailbox } from '../../../application/messaging/mailbox.ts';
import { outlookOf } from '../../../application/messaging/outlook.ts';
import { whenFree } from '../../../application/when-free.ts';
import { makeMessageId, parseMessageId } from '../../../domain/ids.ts';
import { namesOf } from '../../contracts/views.ts';
import { agentTool, changesRecords } from './agent-tool.ts';

const input = z.strictObject({
  to: z.string().describe("An agent's name, a role, 'lead', 'all' or 'user'"),
  text: z.string(),
  subject: z.string().optional(),
  reply_to: z.string().optional().describe('Id of the message you answer'),
  needs_reply: z.boolean().default(false),
});

/** Maximum number of recipients that are listed by name to the sender of a broadcast. */
const mostShown = 20;

export const sendMessage = agentTool({
  name: 'send_message',
  title: 'Send a message',
  description:
    'Sends a message to agents of your team. Does not wait for a reply: that comes with a later answer.',
  input,
  annotations: changesRecords,
  async run({ to, text, subject = '', reply_to, needs_reply }, { project, caller, callId }) {
    const mailbox = new Mailbox(project);
    const replyTo = reply_to === undefined ? null : parseMessageId(reply_to);
    const isAnswer = replyTo !== null && mailbox.find(replyTo)?.type === 'request';
    const { messages } = await whenFree(project, () =>
      mailbox.send({
        id: callId === null ? null : makeMessageId(callId),
        ...{ sessionId: caller.sessionId, from: caller.agentId, to, subject, body: text, replyTo },
        type: needs_reply ? 'request' : isAnswer ? 'response' : 'notification',
        contentType: 'text/plain',
        ...{ schemaVersion: null, correlationId: null, maxAttempts: null },
      }),
    );
    const workflow = project.store.load(caller.sessionId);
    const names = namesOf(workflow.agents);
    const lines = messages.slice(0, mostShown).map((message) => {
      const { id, to: recipient } = message;
      const name = recipient === null ? 'the user' : (names.get(recipient) ?? recipient);
      return `Sent ${id} to ${name}: ${outlookOf(message, workflow, project.backends)}.`;
    });
    const more = messages.length - lines.length;
    return [...lines, ...(more > 0 ? [`And to ${more} more.`] : [])].join('\n');
  },
});

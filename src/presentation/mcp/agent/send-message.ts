import * as z from 'zod';
import { Mailbox } from '../../../application/messaging/mailbox.ts';
import { whenFree } from '../../../application/when-free.ts';
import { parseMessageId } from '../../../domain/ids.ts';
import { namesOf } from '../../contracts/views.ts';
import { agentTool, changesRecords } from './agent-tool.ts';

const input = z.strictObject({
  to: z.string().describe("An agent's name, a role, 'lead', 'all' or 'user'"),
  text: z.string(),
  subject: z.string().optional(),
  reply_to: z.string().optional().describe('Id of the message you answer'),
  needs_reply: z.boolean().default(false),
});

export const sendMessage = agentTool({
  name: 'send_message',
  title: 'Send a message',
  description:
    'Sends a message to agents of your team. Does not wait for a reply: that comes with a later answer.',
  input,
  annotations: changesRecords,
  async run({ to, text, subject = '', reply_to, needs_reply }, { project, caller }) {
    const mailbox = new Mailbox(project);
    const replyTo = reply_to === undefined ? null : parseMessageId(reply_to);
    const isAnswer = replyTo !== null && mailbox.find(replyTo)?.type === 'request';
    const { messages } = await whenFree(project, () =>
      mailbox.send({
        ...{ id: null, sessionId: caller.sessionId, from: caller.agentId, to, subject, body: text, replyTo },
        type: needs_reply ? 'request' : isAnswer ? 'response' : 'notification',
        contentType: 'text/plain',
        ...{ schemaVersion: null, correlationId: null, maxAttempts: null },
      }),
    );
    const names = namesOf(project.store.load(caller.sessionId).agents);
    const sent = messages.map(({ id, to: recipient }) => {
      const name = recipient === null ? 'the user' : (names.get(recipient) ?? recipient);
      return `${id} to ${name}`;
    });
    return `Sent: ${sent.join(', ')}.`;
  },
});

import type * as z from 'zod';
import type { Operation } from '../server/openapi.ts';
import {
  ackSchema,
  agentMessageSchema,
  leaseSchema,
  listQuerySchema,
  messageIdSchema,
  messagePageSchema,
  messagesSchema,
  nackSchema,
  sendSchema,
} from './message-schemas.ts';
import { acpErrors } from './operations.ts';

const json = (schema: z.ZodType) => ({ 'application/json': schema });
const ofMessage = { id: messageIdSchema };

/** The message queues of sessions. */
export const messageOperations = [
  {
    ...{
      method: 'post',
      path: '/acp/messages',
      id: 'sendMessage',
      tag: 'messages',
      summary: "Queue a message under an agent's name; agents themselves do not read it",
    },
    body: sendSchema,
    answers: {
      200: { description: 'It was sent before: as it stands now', content: json(messagesSchema) },
      201: { description: 'It is queued, once for each recipient', content: json(messagesSchema) },
    },
    errors: acpErrors(404, 409, 422),
  },
  {
    ...{ method: 'get', path: '/acp/messages', id: 'listMessages', tag: 'messages' },
    summary: 'The messages of a session, newest first',
    query: listQuerySchema,
    answers: { 200: { description: 'A page', content: json(messagePageSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/messages/lease', id: 'leaseMessages', tag: 'messages' },
    summary: 'Receive messages, for so long',
    body: leaseSchema,
    answers: { 200: { description: 'Those that are due; none if none came', content: json(messagesSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'get', path: '/acp/messages/{id}', id: 'getMessage', tag: 'messages', summary: 'A message' },
    params: ofMessage,
    answers: { 200: { description: 'As it stands', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/messages/{id}/ack', id: 'acknowledgeMessage', tag: 'messages' },
    summary: 'Say that a delivery was dealt with',
    params: ofMessage,
    body: ackSchema,
    answers: { 200: { description: 'It is acknowledged', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/messages/{id}/nack', id: 'giveBackMessage', tag: 'messages' },
    summary: 'Say that a delivery came to nothing',
    params: ofMessage,
    body: nackSchema,
    answers: { 200: { description: 'It is queued again, or dead', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
] as const satisfies readonly Operation[];

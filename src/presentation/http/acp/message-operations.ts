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

export const messageOperations = [
  {
    ...{
      method: 'post',
      path: '/acp/messages',
      id: 'sendMessage',
      tag: 'messages',
      summary: 'Queue a message; MAOS delivers it to an agent with a CLI, and programs lease theirs',
    },
    body: sendSchema,
    answers: {
      200: { description: 'Already sent: its current state', content: json(messagesSchema) },
      201: { description: 'Queued, once for each recipient', content: json(messagesSchema) },
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
    summary: 'Lease messages for a limited time',
    body: leaseSchema,
    answers: {
      200: { description: 'The messages that are due, possibly none', content: json(messagesSchema) },
    },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'get', path: '/acp/messages/{id}', id: 'getMessage', tag: 'messages', summary: 'A message' },
    params: ofMessage,
    answers: { 200: { description: 'Its current state', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/messages/{id}/ack', id: 'acknowledgeMessage', tag: 'messages' },
    summary: 'Acknowledge a delivery',
    params: ofMessage,
    body: ackSchema,
    answers: { 200: { description: 'Acknowledged', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/messages/{id}/nack', id: 'giveBackMessage', tag: 'messages' },
    summary: 'Return a delivery as failed',
    params: ofMessage,
    body: nackSchema,
    answers: { 200: { description: 'Queued again, or dead', content: json(agentMessageSchema) } },
    errors: acpErrors(404, 422),
  },
] as const satisfies readonly Operation[];

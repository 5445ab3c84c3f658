import * as z from 'zod';
import { everyAgent, outside } from '../../../application/messaging/recipients.ts';
import { messagePattern } from '../../../domain/ids.ts';
import {
  deliveryWays,
  maxMessageBody,
  maxMessageSubject,
  messageSchemaVersion,
  messageStates,
} from '../../../domain/message.ts';
import { messageTypes } from '../../../domain/message-type.ts';

/** Messages between agents at `/acp/messages`: an extension by MAOS, unlike the protocol's own Message. */

const maxPage = 100;
/** How long a lease request may wait for a message; well below the limit for requests. */
const maxWaitSeconds = 30;
const maxVisibilitySeconds = 43_200;

const noNul = (text: string): boolean => !text.includes('\u0000');
const nulMessage = 'must not contain a NUL character';
const text = (min: number, max: number) => z.string().min(min).max(max).refine(noNul, nulMessage);

export const messageIdSchema = z.string().regex(messagePattern, "must be 'msg_' and a ULID (26 characters)");
const sessionId = text(1, 128).describe("A session's id, an unambiguous part of it, or the id of a run");
const party = text(1, 128);
const correlationId = text(1, 200);
const attempt = z.int().min(1).describe('Attempt number of the delivery, from the lease');

export const sendSchema = z
  .strictObject({
    id: messageIdSchema.nullish().describe('Sending the same id again has no effect. Default: a new id'),
    session_id: sessionId,
    from: party.nullish().describe(`Agent id or name. Default: '${outside}', a party outside the team`),
    to: party
      .nullish()
      .describe(
        `Agent id or name, '${everyAgent}' or '${outside}'. Default: the sender of the message in reply_to`,
      ),
    type: z.enum(messageTypes),
    subject: text(0, maxMessageSubject).nullish(),
    body: text(0, maxMessageBody),
    content_type: z
      .string()
      .max(100)
      .regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*$/, 'must be a media type')
      .nullish()
      .describe('Default: text/plain'),
    schema_version: z
      .int()
      .nullish()
      .describe(`Default, and the only supported version: ${messageSchemaVersion}`),
    correlation_id: correlationId
      .nullish()
      .describe('Default: the id of the request; for a response, that of its request'),
    reply_to: messageIdSchema.nullish().describe('Required for a response: the request it answers'),
    max_attempts: z.int().min(1).max(20).nullish().describe('Maximum number of deliveries. Default: 5'),
  })
  .meta({ id: 'SendAgentMessage' });

export const leaseSchema = z
  .strictObject({
    session_id: sessionId,
    recipient: party.describe(`Agent id or name, or '${outside}'`),
    max: z.int().min(1).max(maxPage).nullish().describe('Default: 1'),
    visibility_seconds: z
      .number()
      .min(0.1)
      .max(maxVisibilitySeconds)
      .nullish()
      .describe('Seconds until it is delivered again unless acknowledged. Default: 60'),
    wait_seconds: z
      .number()
      .min(0)
      .max(maxWaitSeconds)
      .nullish()
      .describe('Seconds to wait for the first message. Default: 0'),
  })
  .meta({ id: 'LeaseAgentMessages' });

export const ackSchema = z.strictObject({ attempt }).meta({ id: 'AcknowledgeAgentMessage' });

export const nackSchema = z
  .strictObject({
    attempt,
    reason: text(1, 500).describe('What went wrong'),
    retry: z.boolean().nullish().describe('false: the message is dead at once. Default: true'),
  })
  .meta({ id: 'GiveBackAgentMessage' });

export const listQuerySchema = z.strictObject({
  session_id: sessionId,
  recipient: party.optional(),
  state: z.enum(messageStates).optional().describe("'dead' lists the dead letters"),
  type: z.enum(messageTypes).optional(),
  correlation_id: correlationId.optional(),
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|100)$/, `must be a number from 1 to ${maxPage}`)
    .optional(),
  before: messageIdSchema.optional().describe('`next` of the previous page'),
});

const time = z.iso.datetime();

export const agentMessageSchema = z
  .strictObject({
    id: messageIdSchema,
    session_id: z.string(),
    from: z.string().describe(`Agent id, or '${outside}'`),
    to: z.string().describe(`Agent id, or '${outside}'`),
    type: z.enum(messageTypes),
    subject: z.string(),
    body: z.string(),
    content_type: z.string(),
    schema_version: z.int(),
    correlation_id: z.string().nullable(),
    reply_to: messageIdSchema.nullable(),
    broadcast_id: messageIdSchema.nullable().describe('Id of the broadcast it belongs to'),
    state: z.enum(messageStates),
    attempt: z.int().min(0).describe('How often it has been delivered'),
    max_attempts: z.int(),
    queued_at: time,
    available_at: time.nullable().describe('While queued: earliest delivery'),
    expires_at: time.nullable().describe('Deadline: expired if it is not delivered before'),
    via: z.enum(deliveryWays).nullable().describe('The way on which it is, or was, delivered'),
    delivered_at: time.nullable().describe('Last delivery'),
    lease_until: time.nullable().describe('While delivered: queued again at this time unless acknowledged'),
    acknowledged_at: time.nullable(),
    dead_at: time.nullable(),
    dead_reason: z.string().nullable(),
    last_trouble: z.string().nullable().describe('Why the last delivery failed'),
  })
  .meta({ id: 'AgentMessage' });

export type AgentMessage = z.infer<typeof agentMessageSchema>;

export const messagesSchema = z
  .strictObject({ messages: z.array(agentMessageSchema) })
  .meta({ id: 'AgentMessages' });

export const messagePageSchema = z
  .strictObject({ messages: z.array(agentMessageSchema), next: messageIdSchema.nullable() })
  .meta({ id: 'AgentMessagePage' });

// Parts of the documents in cli-documents.ts that several commands print.
import * as z from 'zod';
import { inputRequestKinds, inputRequestStates } from '../../src/domain/input-request.ts';
import { messageStates } from '../../src/domain/message.ts';
import { messageTypes } from '../../src/domain/message-type.ts';
import {
  sessionEventSchema,
  sessionSummarySchema,
} from '../../src/presentation/http/events/event-schemas.ts';
import { sessionStatusSchema } from '../../src/presentation/http/sessions/session-schemas.ts';

export const text = z.string();
export const count = z.int().min(0);
export const time = z.iso.datetime();

/** Projects that a command could not read. */
export const unread = z.array(
  z.strictObject({ file: text, project: text.nullable(), code: text, message: text }),
);

export const summary = sessionSummarySchema.shape;

/** What only HTTP says of a session and of an event. */
const { project: _, last_seq: __, ...ofSession } = sessionStatusSchema.shape;
export const event = sessionEventSchema.omit({ text: true, project: true }).meta({ id: 'Event' });

const statusShape = {
  ...ofSession,
  artifacts: z.array(z.looseObject({ path: text, size_bytes: count, sha256: text.nullable() })),
};
export const status = z.looseObject(statusShape).meta({ id: 'SessionReport' });

/** The last line of a stream that follows a session. */
const end = z
  .looseObject({ type: z.literal('summary'), ...statusShape, exit_status: count })
  .meta({ id: 'SessionEnd' });

/** A line of `run` and of what follows a session like it: an event, or the end. */
export const followed = z.union([event, end]).meta({ id: 'FollowedSession' });

const agents = z.array(z.looseObject({ agent_id: text, name: text, state: text }));

/** A session with its agents. */
export const workflow = { ...summary, agents };

export const controlled = z
  .looseObject({ ...workflow, project: text, already: z.boolean() })
  .meta({ id: 'ControlledSession' });

const requestShape = {
  request_id: text,
  session_id: text,
  agent_id: text,
  agent: text,
  kind: z.enum(inputRequestKinds),
  state: z.enum(inputRequestStates),
  tool: text.optional(),
  action: text,
  reason: text.optional(),
  choices: z.array(text).optional(),
  asked_at: time,
  expires_at: time,
  closed_at: time.optional(),
  decision: z.enum(['allow', 'deny']).optional(),
  message: text.optional(),
  answer: text.optional(),
  answered_by: text.optional(),
};
export const request = z.strictObject(requestShape).meta({ id: 'Request' });
export const requestOfProject = z
  .strictObject({ ...requestShape, project: text })
  .meta({ id: 'RequestOfProject' });

export const messageShape = {
  id: text,
  session_id: text,
  from: text,
  to: text,
  type: z.enum(messageTypes),
  subject: text,
  body: text,
  state: z.enum(messageStates),
  attempt: count,
  queued_at: time,
  reply_to: text.optional(),
  via: text.optional(),
  expires_at: time.optional(),
  delivered_at: time.optional(),
  lease_until: time.optional(),
  acknowledged_at: time.optional(),
  reason: text.optional(),
};
export const message = z.strictObject(messageShape).meta({ id: 'Message' });

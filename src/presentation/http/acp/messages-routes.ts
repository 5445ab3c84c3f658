import { type Context, Hono } from 'hono';
import { sessionOfRun } from '../../../application/control/acp-runs.ts';
import { Mailbox, messageNotFound } from '../../../application/messaging/mailbox.ts';
import { outside } from '../../../application/messaging/recipients.ts';
import type { MessageQuery } from '../../../application/ports/messages.ts';
import type { Project } from '../../../application/project.ts';
import { findSession } from '../../../application/queries/lookup.ts';
import { whenFree } from '../../../application/when-free.ts';
import { isMaosError } from '../../../domain/errors.ts';
import { type AgentId, type MessageId, parseMessageId } from '../../../domain/ids.ts';
import type { Message } from '../../../domain/message.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { lookupIn, projectAccess } from '../../project-access.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { AcpError, answerError, readBody } from './errors.ts';
import { messageOperations } from './message-operations.ts';
import {
  type AgentMessage,
  ackSchema,
  leaseSchema,
  listQuerySchema,
  nackSchema,
  sendSchema,
} from './message-schemas.ts';
import { idSchema } from './schemas.ts';

const defaultPage = 50;
const defaultVisibilitySeconds = 60;

/** Queues of messages for a session's agents, for use by programs: send, lease, acknowledge, return, list. */
export function messageEndpoints(deps: HttpDeps): Endpoints {
  const app = new Hono<HttpEnv>();
  const projects = lookupIn(projectAccess(deps.runtime, deps.projectPath), new Map());

  /**
   * @param text a session's id or a part of it, or the id of a run, which is all that the protocol reveals of a session
   */
  async function sessionOf(text: string) {
    const reference = idSchema.safeParse(text).success ? sessionOfRun(text.toLowerCase()) : text;
    const { project, id } = await findSession(projects, reference);
    return { project, mailbox: new Mailbox(project), id };
  }

  /** The message named in the path, with its project. */
  async function messageOf(
    context: Context,
  ): Promise<{ project: Project; mailbox: Mailbox; message: Message }> {
    const id = parseMessageId(context.req.param('id') ?? '');
    for await (const project of projects.all()) {
      const mailbox = new Mailbox(project);
      const message = mailbox.find(id);
      if (message !== null) return { project, mailbox, message };
    }
    throw messageNotFound(id);
  }

  const sendMessage = async (context: Context) => {
    const input = await readBody(context, sendSchema);
    const { project, mailbox, id } = await sessionOf(input.session_id);
    const request = {
      id: (input.id ?? null) as MessageId | null,
      sessionId: id,
      from: input.from ?? null,
      to: input.to ?? null,
      type: input.type,
      subject: input.subject ?? '',
      body: input.body,
      contentType: input.content_type ?? 'text/plain',
      schemaVersion: input.schema_version ?? null,
      correlationId: input.correlation_id ?? null,
      replyTo: (input.reply_to ?? null) as MessageId | null,
      maxAttempts: input.max_attempts ?? null,
    };
    const { messages, isNew } = await whenFree(project, () => mailbox.send(request));
    return context.json({ messages: messages.map(viewOf) }, isNew ? 201 : 200);
  };

  const leaseMessages = async (context: Context) => {
    const input = await readBody(context, leaseSchema);
    const { mailbox, id } = await sessionOf(input.session_id);
    const options = {
      max: input.max ?? 1,
      leaseMs: Math.round((input.visibility_seconds ?? defaultVisibilitySeconds) * 1_000),
      waitMs: Math.round((input.wait_seconds ?? 0) * 1_000),
    };
    const signal = AbortSignal.any([context.req.raw.signal, deps.ending]);
    const messages = await mailbox.lease(mailbox.recipient(id, input.recipient), options, signal);
    return context.json({ messages: messages.map(viewOf) });
  };

  const listMessages = async (context: Context) => {
    const query = parseInput(listQuerySchema, context.req.query(), 'query');
    const { mailbox, id } = await sessionOf(query.session_id);
    const limit = Number(query.limit ?? defaultPage);
    const { recipient, state, type, correlation_id: correlationId, before } = query;
    const filter: MessageQuery = {
      sessionId: id,
      limit: limit + 1,
      ...(recipient === undefined ? {} : { to: mailbox.recipient(id, recipient).agentId }),
      ...(state === undefined ? {} : { state }),
      ...(type === undefined ? {} : { type }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(before === undefined ? {} : { before: before as MessageId }),
    };
    const found = mailbox.list(filter);
    const messages = found.slice(0, limit);
    const next = found.length > limit ? (messages.at(-1)?.id ?? null) : null;
    return context.json({ messages: messages.map(viewOf), next });
  };

  const getMessage = async (context: Context) => context.json(viewOf((await messageOf(context)).message));

  const acknowledgeMessage = async (context: Context) => {
    const { attempt } = await readBody(context, ackSchema);
    const { project, mailbox, message } = await messageOf(context);
    const change = () => mailbox.acknowledge(message.id, attempt);
    return context.json(viewOf(await whenFree(project, change)));
  };

  const giveBackMessage = async (context: Context) => {
    const { attempt, reason, retry } = await readBody(context, nackSchema);
    const { project, mailbox, message } = await messageOf(context);
    const change = () => mailbox.giveBack(message.id, attempt, { reason, retry: retry ?? true });
    return context.json(viewOf(await whenFree(project, change)));
  };

  const handlers = {
    ...{ sendMessage, leaseMessages, listMessages },
    ...{ getMessage, acknowledgeMessage, giveBackMessage },
  };
  app.onError((error, context) => answerError(deps, asAcpError(error), context));
  return endpoints(messageOperations, handlers, app);
}

/** Converts the kinds of invalid input to the protocol's statuses. */
function asAcpError(error: unknown): unknown {
  if (!isMaosError(error, 'INVALID_INPUT')) return error;
  const data = { code: error.code };
  if (error.details.problem === 'not_found') return new AcpError(404, 'not_found', error.message, data);
  if (error.details.problem === 'conflict') return new AcpError(409, 'invalid_input', error.message, data);
  return error;
}

function viewOf(message: Message): AgentMessage {
  return {
    id: message.id,
    session_id: message.sessionId,
    from: partyOf(message.from),
    to: partyOf(message.to),
    type: message.type,
    subject: message.subject,
    body: message.body,
    content_type: message.contentType,
    schema_version: message.schemaVersion,
    correlation_id: message.correlationId,
    reply_to: message.replyTo,
    broadcast_id: message.broadcastId,
    state: message.state,
    attempt: message.attempt,
    max_attempts: message.maxAttempts,
    queued_at: message.queuedAt,
    available_at: message.availableAt,
    expires_at: message.expiresAt,
    via: message.via,
    delivered_at: message.deliveredAt,
    lease_until: message.leaseUntil,
    acknowledged_at: message.acknowledgedAt,
    dead_at: message.deadAt,
    dead_reason: message.deadReason,
    last_trouble: message.lastTrouble,
  };
}

function partyOf(agent: AgentId | null): string {
  return agent ?? outside;
}

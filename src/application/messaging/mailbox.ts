import { isAgentEnded } from '../../domain/agent.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import {
  type ConversationWay,
  defaultMaxAttempts,
  isSameMessage,
  type Message,
  type MessageDraft,
  maxExchange,
  maxWaitingMessages,
  messageSchemaVersion,
  queueMessage,
} from '../../domain/message.ts';
import {
  acknowledgeMessage,
  answerMessage,
  confirmDelivery,
  deliverMessage,
  expireMessage,
  giveBackMessage,
  releaseMessage,
  type Sighting,
} from '../../domain/message-delivery.ts';
import type { MessageType } from '../../domain/message-type.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { AgentRecipient, MessageQuery, MessageStore, Recipient } from '../ports/messages.ts';
import type { Project } from '../project.ts';
import { untilFound } from '../until-found.ts';
import { whenFree } from '../when-free.ts';
import { type Addressee, addresseesOf, memberOf, outside } from './recipients.ts';

type Needs = Pick<Project, 'store' | 'files' | 'settings' | 'watcher' | 'clock' | 'ids' | 'log'>;

/** A message to send. */
export interface SendRequest {
  /** Default: a new id. A message with the id of an earlier, equal one is not sent again. */
  readonly id: MessageId | null;
  readonly sessionId: SessionId;
  /** An agent's id or name; also the id of the agent that started the session. Null: the user. */
  readonly from: string | null;
  /** See {@link addresseesOf}. Null is allowed in a reply: the sender of the message that it answers. */
  readonly to: string | null;
  /** Null: a response if it answers a request, otherwise a notification. */
  readonly type: MessageType | null;
  readonly subject: string;
  readonly body: string;
  readonly contentType: string;
  readonly schemaVersion: number | null;
  readonly correlationId: string | null;
  readonly replyTo: MessageId | null;
  readonly maxAttempts: number | null;
  /** Absent or null: it waits until its recipient takes it or ends. */
  readonly expiresAt?: string | null;
}

/** Number of messages that one transaction expires. */
const expiryBatch = 200;

/**
 * The messages of a project's sessions. Programs lease their messages: at-least-once delivery, to one receiver at a
 * time. A message enters an agent's conversation exactly once: it is claimed before it is written, delivered when it
 * was seen there, and waits again if the attempt ends without that. Methods that send or change messages throw
 * STORE_BUSY immediately while another process writes; call them through {@link whenFree}.
 */
export class Mailbox {
  readonly #project: Needs;

  constructor(project: Needs) {
    this.#project = project;
  }

  /**
   * Queues a message; for several recipients, one for each. Also acknowledges the message that it answers.
   * @returns `isNew` is false if it was sent before under its id; then these are the stored messages in their current
   *   state
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when the session or the recipient has
   *   ended, RESOURCE_LIMIT_EXCEEDED when too many messages wait for a recipient; INVALID_INPUT for an invalid reply,
   *   and, with `details.problem: 'conflict'`, when a different message has the id
   */
  send(request: SendRequest): { readonly messages: readonly Message[]; readonly isNew: boolean } {
    const { ids, clock } = this.#project;
    const id = request.id ?? (`msg_${ids.ulid()}` as MessageId);
    const at = clock.now();
    const messages = this.#messagesOf(request, id, at);
    if ((request.expiresAt ?? '~') <= at && this.#store.find(id) === null) {
      throw new MaosError(
        'INVALID_INPUT',
        `The message would expire at ${request.expiresAt}, and it is ${at}: give it a later deadline, or none.`,
        { details: { expiresAt: request.expiresAt } },
      );
    }
    const limits = {
      maxWaiting: maxWaitingMessages,
      perMinute: this.#project.settings.messagesPerMinute,
      maxExchange,
    };
    const stored = this.#store.add(id, messages, limits, at);
    if (stored === null) {
      const answered = request.replyTo === null ? null : this.#store.find(request.replyTo);
      this.#tell(answered === null ? messages : [...messages, answered]);
      return { messages, isNew: true };
    }
    const [first = null] = messages;
    if (first !== null && stored.every((message) => isSameMessage(message, first))) {
      return { messages: stored, isNew: false };
    }
    throw new MaosError(
      'INVALID_INPUT',
      `A different message was already sent as ${id}. Send this one with its own id, or without one.`,
      { details: { problem: 'conflict', id } },
    );
  }

  /**
   * Leases the messages that are due to their recipient for `leaseMs`. If there are none, waits at most `waitMs` for
   * the first.
   * @param signal ends the wait
   * @returns no messages when none came in time
   * @throws MaosError SESSION_NOT_FOUND
   */
  async lease(
    recipient: Recipient,
    options: { readonly max: number; readonly leaseMs: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    const take = async () => {
      const messages = await whenFree(this.#project, () => this.#take(recipient, options));
      return messages.length === 0 ? null : messages;
    };
    const { waitMs } = options;
    const nextDue = (): string | null => this.#store.nextDue(recipient);
    return (await untilFound(this.#project, take, { nextDue, waitMs }, signal)) ?? [];
  }

  /**
   * Waits until a message is delivered or answered, or until that is no longer possible.
   * @param signal ends the wait
   * @returns the message in its current state, and its first answer
   * @throws MaosError INVALID_INPUT when there is no such message
   */
  async follow(
    id: MessageId,
    what: 'delivery' | 'reply',
    waitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly message: Message; readonly reply: Message | null }> {
    const look = () => {
      const message = this.find(id);
      if (message === null) throw messageNotFound(id);
      return { message, reply: this.#store.list({ replyTo: id, limit: 100 }).at(-1) ?? null };
    };
    const settled = async () => {
      const seen = look();
      const { state } = seen.message;
      const isOver = state === 'dead' || state === 'expired';
      const isThere = what === 'reply' ? seen.reply !== null : state !== 'queued';
      return isOver || isThere || this.#hasEnded(seen.message) ? seen : null;
    };
    const nextDue = (): string | null => {
      const { expiresAt, leaseUntil } = look().message;
      return [expiresAt, leaseUntil].filter((at) => at !== null).sort()[0] ?? null;
    };
    return (await untilFound(this.#project, settled, { nextDue, waitMs }, signal)) ?? look();
  }

  /**
   * Claims waiting messages for one way into the conversation of an agent's attempt, so that nothing else delivers
   * them. Call it before anything is written.
   */
  claim(recipient: AgentRecipient, attempt: number, via: ConversationWay, max: number): readonly Message[] {
    this.#expire();
    return this.#store.claim(recipient, attempt, via, max, this.#project.clock.now());
  }

  /**
   * Records that the message was seen where it was claimed for. Repeating it changes nothing.
   * @throws MaosError INVALID_INPUT when there is no such message
   */
  delivered(id: MessageId, where: Sighting): Message {
    return this.#change(id, (message, at) => confirmDelivery(message, where, at));
  }

  /**
   * Makes claimed messages that were not seen in the conversation wait again, because the attempt, or this way into it,
   * is over.
   * @param via null: every way
   * @param only null: all of them
   * @returns the messages that wait again
   */
  release(
    agentId: AgentId,
    attempt: number,
    via: ConversationWay | null = null,
    only: readonly MessageId[] | null = null,
  ): readonly Message[] {
    const at = this.#project.clock.now();
    const move = (message: Message) =>
      only === null || only.includes(message.id) ? releaseMessage(message, attempt, via) : message;
    const released = this.#store.changeOnTheirWay(agentId, move, at);
    this.#tell(released);
    return released;
  }

  /** All messages that are claimed for a conversation of the agent and not seen there yet, in order. */
  onTheirWay(agentId: AgentId): readonly Message[] {
    return this.#store.onTheirWay(agentId);
  }

  /** Whether a message is due for the recipient now. */
  hasQueued(recipient: Recipient): boolean {
    this.#expireIfFree();
    return this.#store.hasDue(recipient, this.#project.clock.now());
  }

  /**
   * The recipient has handled the message.
   * @param attempt the delivery; null: the current one
   * @throws MaosError INVALID_INPUT when there is no such message, INVALID_TRANSITION when that delivery is over
   */
  acknowledge(id: MessageId, attempt: number | null): Message {
    return this.#change(id, (message, at) => acknowledgeMessage(message, attempt, at));
  }

  /**
   * Records that the recipient has received the message in another way than through its mailbox. A message that is
   * claimed for a conversation stays as it is.
   */
  receive(id: MessageId): Message {
    return this.#change(id, (message, at) => (isOnItsWay(message) ? message : answerMessage(message, at)));
  }

  /**
   * Ends a delivery whose message could not be handled: the message is delivered again after a delay, or dead.
   * @throws MaosError INVALID_INPUT when there is no such message, INVALID_TRANSITION when that delivery is over
   */
  giveBack(
    id: MessageId,
    attempt: number,
    refusal: { readonly reason: string; readonly retry: boolean },
  ): Message {
    return this.#change(id, (message, at) => giveBackMessage(message, attempt, refusal, at, Math.random()));
  }

  /** Null when the project has no such message. */
  find(id: MessageId): Message | null {
    this.#expireIfFree();
    return this.#store.find(id);
  }

  /** Newest first. Those in state `dead` are the dead letters. */
  list(query: MessageQuery): readonly Message[] {
    this.#expireIfFree();
    return this.#store.list(query);
  }

  /**
   * The recipient that an agent's id or name, `lead` or `user` denotes.
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND
   */
  recipient(sessionId: SessionId, text: string): Recipient {
    return { sessionId, agentId: memberOf(this.#project.store.load(sessionId), text) };
  }

  /** Whether no one is left who could answer the message. */
  #hasEnded({ sessionId, to }: Message): boolean {
    const { session, agents } = this.#project.store.load(sessionId);
    const recipient = agents.find(({ id }) => id === to);
    return isSessionEnded(session.state) || (recipient !== undefined && isAgentEnded(recipient.state));
  }

  get #store(): MessageStore {
    return this.#project.store.messages;
  }

  #messagesOf(request: SendRequest, id: MessageId, at: string): readonly Message[] {
    const { sessionId, replyTo } = request;
    const workflow = this.#project.store.load(sessionId);
    const from = this.#senderOf(workflow, request.from);
    const original = this.#answered(workflow, replyTo);
    const draft: Omit<MessageDraft, 'id' | 'to' | 'broadcastId'> = {
      sessionId,
      from,
      type: request.type ?? (original?.type === 'request' ? 'response' : 'notification'),
      subject: request.subject,
      body: request.body,
      contentType: request.contentType,
      schemaVersion: request.schemaVersion ?? messageSchemaVersion,
      correlationId: request.correlationId,
      replyTo,
      maxAttempts: request.maxAttempts ?? defaultMaxAttempts,
      expiresAt: request.expiresAt ?? null,
    };
    if (request.to === null && original === null && replyTo === null) {
      throw new MaosError(
        'INVALID_INPUT',
        `'to' is missing: name an agent, a role, 'lead', 'all' or 'user'.`,
      );
    }
    const { to, isBroadcast } =
      request.to === null
        ? { to: [original?.from ?? null], isBroadcast: false }
        : addresseesOf(workflow, request.to, from);
    return to.map((recipient) => {
      const own = isBroadcast ? (`msg_${this.#project.ids.ulid()}` as MessageId) : id;
      const broadcastId = isBroadcast ? id : null;
      return queueMessage({ ...draft, id: own, to: recipient, broadcastId }, original, at);
    });
  }

  /**
   * The sender of a message. The agent that started the session may also send to it, if it belongs to the same project:
   * only there its messages can be marked as its own instead of the user's.
   * @throws MaosError AGENT_NOT_FOUND, FORBIDDEN
   */
  #senderOf(workflow: Workflow, text: string | null): Addressee {
    const parent = workflow.session.parent?.agentId;
    if (text === null || text !== parent) return memberOf(workflow, text ?? outside);
    if (this.#project.store.findAgents(parent, 1).some(({ agentId }) => agentId === parent)) return parent;
    const { id } = workflow.session;
    throw new MaosError(
      'FORBIDDEN',
      `Nothing was sent: session ${id} belongs to another project than the agent that started it, so the message could not be told from the user's. Write what the team must know into its objective and tasks, or start the team in the agent's own project.`,
      { details: { sessionId: id, agentId: parent } },
    );
  }

  /**
   * The message that is answered. If its sender is not in the team, its `from` is null, so that the reply goes to the
   * user.
   */
  #answered({ agents }: Workflow, id: MessageId | null): Message | null {
    const message = id === null ? null : this.#store.find(id);
    if (message === null || agents.some((agent) => agent.id === message.from)) return message;
    return { ...message, from: null };
  }

  #take(
    recipient: Recipient,
    { max, leaseMs }: { readonly max: number; readonly leaseMs: number },
  ): readonly Message[] {
    this.#expire();
    const at = this.#project.clock.now();
    const messages = this.#store.take(recipient, max, (message) => deliverMessage(message, leaseMs, at), at);
    this.#tell(messages);
    return messages;
  }

  #change(id: MessageId, move: (message: Message, at: string) => Message): Message {
    this.#expire();
    const at = this.#project.clock.now();
    const message = this.#store.change(id, (found) => move(found, at), at);
    if (message === null) throw messageNotFound(id);
    this.#tell([message]);
    return message;
  }

  /** Reading does not wait for a writer: while the store is locked, expiry is skipped. */
  #expireIfFree(): void {
    try {
      this.#expire();
    } catch (error) {
      if (!isMaosError(error, 'STORE_BUSY')) throw error;
    }
  }

  /** Expires messages before they are read, so that nothing returns an outdated state. */
  #expire(): void {
    const at = this.#project.clock.now();
    for (;;) {
      const expired = this.#store.changeExpired((message) => expireMessage(message, at), at, expiryBatch);
      this.#tell(expired);
      if (expired.length < expiryBatch) return;
    }
  }

  /** Notifies waiting readers, and updates the journals of the recipients. */
  #tell(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const { watcher, files, log } = this.#project;
    watcher.notify();
    const agents = new Map<AgentId, SessionId>();
    for (const { sessionId, to } of messages) if (to !== null) agents.set(to, sessionId);
    for (const [agentId, sessionId] of agents) {
      try {
        this.#store.journal({ sessionId, agentId }, files.messages);
      } catch (error) {
        // The journal is a copy; the next change of a message for the agent updates it.
        log.log('warn', 'messages.jsonl is behind', { session: sessionId, agent: agentId, error });
      }
    }
  }
}

function isOnItsWay({ state, via }: Message): boolean {
  return state === 'queued' && via !== null;
}

export function messageNotFound(id: string): MaosError {
  return new MaosError('INVALID_INPUT', `There is no message ${quote(id)}.`, {
    details: { problem: 'not_found', id },
  });
}

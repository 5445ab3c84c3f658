import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import {
  type ConversationWay,
  defaultMaxAttempts,
  isSameMessage,
  type Message,
  type MessageDraft,
  maxWaitingMessages,
  messageSchemaVersion,
  queueMessage,
} from '../../domain/message.ts';
import {
  acknowledgeMessage,
  confirmDelivery,
  deliverMessage,
  expireMessage,
  giveBackMessage,
  releaseMessage,
} from '../../domain/message-delivery.ts';
import type { MessageType } from '../../domain/message-type.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { AgentRecipient, MessageQuery, MessageStore, Recipient } from '../ports/messages.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { type Addressee, addresseesOf, memberOf, outside } from './recipients.ts';

type Needs = Pick<Project, 'store' | 'files' | 'settings' | 'watcher' | 'clock' | 'ids' | 'log'>;

/** A message as it is sent. */
export interface SendRequest {
  /** Default: a new one. The same id again is the same message, and sends nothing. */
  readonly id: MessageId | null;
  readonly sessionId: SessionId;
  /** An agent's id or name; also the id of the agent that started the session. Null: from outside the team. */
  readonly from: string | null;
  /** As {@link addresseesOf} reads it. Null, of a reply: the sender of the message it answers. */
  readonly to: string | null;
  readonly type: MessageType;
  readonly subject: string;
  readonly body: string;
  readonly contentType: string;
  readonly schemaVersion: number | null;
  readonly correlationId: string | null;
  readonly replyTo: MessageId | null;
  readonly maxAttempts: number | null;
  /** Absent: it waits as long as its recipient can take it. */
  readonly expiresAt?: string | null;
}

/** Messages expired in one transaction. */
const expiryBatch = 200;
/** The longest a lease waits for a timer before it looks at what is due again. */
const longestTimerMs = 60_000;

/**
 * The messages of a project's sessions. A program leases what comes for it: it is delivered at least once, and to one
 * receiver at a time. Into an agent's conversation it comes exactly once: claimed before anything is written, delivered on
 * evidence, and free again when the attempt ends without any. What sends or changes a message at once throws
 * STORE_BUSY while another process writes: to be called through {@link whenFree}.
 */
export class Mailbox {
  readonly #project: Needs;

  constructor(project: Needs) {
    this.#project = project;
  }

  /**
   * Queues a message, one for each agent when it goes to several. What it answers is acknowledged by it.
   * @returns `isNew` false: it was sent before under its id, and these are the messages as they are now
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when the session or the recipient has ended,
   *   RESOURCE_LIMIT_EXCEEDED when too many wait for a recipient; INVALID_INPUT for a reply that does not fit, and, with
   *   `details.problem: 'conflict'`, when another message has the id
   */
  send(request: SendRequest): { readonly messages: readonly Message[]; readonly isNew: boolean } {
    const { ids, clock } = this.#project;
    const id = request.id ?? (`msg_${ids.ulid()}` as MessageId);
    const at = clock.now();
    const messages = this.#messagesOf(request, id, at);
    const stored = this.#store.add(id, messages, maxWaitingMessages, at);
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
   * Hands out the messages that are due, for so long; waits for the first one at most `waitMs`.
   * @param signal ends the waiting
   * @returns none when there are none in time
   * @throws MaosError SESSION_NOT_FOUND
   */
  async lease(
    recipient: Recipient,
    options: { readonly max: number; readonly leaseMs: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    const { watcher, clock } = this.#project;
    const until = clock.elapsedMs() + options.waitMs;
    let wake = (): void => {};
    let rung = false;
    const ring = (): void => {
      rung = true;
      wake();
    };
    // Before the first look: what comes during it asks for another one.
    const unsubscribe = options.waitMs > 0 ? watcher.subscribe(ring) : null;
    signal.addEventListener('abort', ring);
    try {
      for (;;) {
        rung = false;
        const messages = signal.aborted
          ? []
          : await whenFree(this.#project, () => this.#take(recipient, options));
        const leftMs = until - clock.elapsedMs();
        if (messages.length > 0 || signal.aborted || leftMs <= 0) return messages;
        const due = this.#store.nextDue(recipient);
        const dueMs =
          due === null ? Number.POSITIVE_INFINITY : Math.max(1, Date.parse(due) - Date.parse(clock.now()));
        const cancel = clock.after(Math.min(leftMs, dueMs, longestTimerMs), ring);
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (rung) resolve();
        });
        cancel();
      }
    } finally {
      unsubscribe?.();
      signal.removeEventListener('abort', ring);
    }
  }

  /**
   * Puts messages on their way into the conversation of an agent's attempt; nobody else gets them meanwhile. To be called
   * before anything is written.
   */
  claim(recipient: AgentRecipient, attempt: number, via: ConversationWay, max: number): readonly Message[] {
    this.#expire();
    return this.#store.claim(recipient, attempt, via, max, this.#project.clock.now());
  }

  /**
   * There is evidence that the message is in the conversation it was claimed for. Said again, it changes nothing.
   * @throws MaosError INVALID_INPUT without such a message
   */
  delivered(id: MessageId, attempt: number): Message {
    return this.#change(id, (message, at) => confirmDelivery(message, attempt, at));
  }

  /**
   * The attempt is over, or a way into it is: what was claimed for it without evidence waits again.
   * @param via null: every way
   * @returns the messages that wait again
   */
  release(agentId: AgentId, attempt: number, via: ConversationWay | null = null): readonly Message[] {
    const at = this.#project.clock.now();
    const move = (message: Message) => releaseMessage(message, attempt, via);
    const released = this.#store.changeOnTheirWay(agentId, move, at);
    this.#tell(released);
    return released;
  }

  /** Whether a message waits that the recipient could have now. */
  hasQueued(recipient: Recipient): boolean {
    this.#expireIfFree();
    return this.#store.hasDue(recipient, this.#project.clock.now());
  }

  /**
   * @param attempt the delivery; null: the present one
   * @throws MaosError INVALID_INPUT without such a message, INVALID_TRANSITION when that delivery is over
   */
  acknowledge(id: MessageId, attempt: number | null): Message {
    return this.#change(id, (message, at) => acknowledgeMessage(message, attempt, at));
  }

  /**
   * Ends a delivery that came to nothing: the message is delivered again after a while, or dead.
   * @throws MaosError INVALID_INPUT without such a message, INVALID_TRANSITION when that delivery is over
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

  /** Newest first; those that are dead are the dead letters. */
  list(query: MessageQuery): readonly Message[] {
    this.#expireIfFree();
    return this.#store.list(query);
  }

  /**
   * Whose messages are meant by an agent's id or name, `lead` or `user`.
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND
   */
  recipient(sessionId: SessionId, text: string): Recipient {
    return { sessionId, agentId: memberOf(this.#project.store.load(sessionId), text) };
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
      type: request.type,
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

  /** The agent that started a session may write to it, if it is of the same project. */
  #senderOf(workflow: Workflow, text: string | null): Addressee {
    const parent = workflow.session.parent?.agentId;
    if (text === null || text !== parent) return memberOf(workflow, text ?? outside);
    return this.#project.store.findAgents(parent, 1).some(({ agentId }) => agentId === parent)
      ? parent
      : null;
  }

  /** As the session sees it: what comes from outside the team is answered to outside the team. */
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

  /** Reading does not wait for a writer: while the store is locked, it returns what is stored. */
  #expireIfFree(): void {
    try {
      this.#expire();
    } catch (error) {
      if (!isMaosError(error, 'STORE_BUSY')) throw error;
    }
  }

  /** Before anything is told of messages: what time has done to them is stored. */
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
        // It is a copy, and the next change of a message for the agent brings it up to date.
        log.log('warn', 'messages.jsonl is behind', { session: sessionId, agent: agentId, error });
      }
    }
  }
}

export function messageNotFound(id: string): MaosError {
  return new MaosError('INVALID_INPUT', `There is no message ${quote(id)}.`, {
    details: { problem: 'not_found', id },
  });
}

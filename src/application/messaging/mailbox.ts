import { startOf } from '../../domain/cut-text.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import {
  acknowledgeMessage,
  defaultMaxAttempts,
  deliverMessage,
  expireMessage,
  giveBackMessage,
  isSameMessage,
  type Message,
  type MessageDraft,
  maxWaitingMessages,
  messageSchemaVersion,
  queueMessage,
} from '../../domain/message.ts';
import type { MessageType } from '../../domain/message-type.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { MessageQuery, MessageStore, Recipient } from '../ports/messages.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';

type Needs = Pick<Project, 'store' | 'files' | 'settings' | 'watcher' | 'clock' | 'ids' | 'log'>;

/** Stands for people and programs outside the team, as a sender or a recipient. No agent can be called so. */
export const outside = '@outside';
/** Stands for every agent of the session but the sender. */
export const everyAgent = '@all';

/** A message as it is sent. Agents are named by id or by their name in the session. */
export interface SendRequest {
  /** Default: a new one. The same id again is the same message, and sends nothing. */
  readonly id: MessageId | null;
  readonly sessionId: SessionId;
  /** Default: {@link outside}. */
  readonly from: string | null;
  /** Default for a reply: the sender of the message it answers. */
  readonly to: string | null;
  readonly type: MessageType;
  readonly subject: string;
  readonly body: string;
  readonly contentType: string;
  readonly schemaVersion: number | null;
  readonly correlationId: string | null;
  readonly replyTo: MessageId | null;
  readonly maxAttempts: number | null;
}

/** Messages expired in one transaction. */
const expiryBatch = 200;
/** The longest a lease waits for a timer before it looks at what is due again. */
const longestTimerMs = 60_000;

/**
 * The messages of a project's sessions. What comes over it is delivered at least once, and to one receiver at a time: a
 * delivery is a lease that ends with its acknowledgement, or by itself. What sends or changes a message at once throws
 * STORE_BUSY while another process writes: to be called through {@link whenFree}.
 */
export class Mailbox {
  readonly #project: Needs;

  constructor(project: Needs) {
    this.#project = project;
  }

  /**
   * Queues a message, one for each agent when it goes to {@link everyAgent}.
   * @returns `isNew` false: it was sent before under its id, and these are the messages as they are now
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when the session has ended,
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
      this.#tell(messages);
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

  /** @throws MaosError INVALID_INPUT without such a message, INVALID_TRANSITION when that delivery is over */
  acknowledge(id: MessageId, attempt: number): Message {
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
   * Who is meant by an agent's id or name, or {@link outside}.
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
    const original = replyTo === null ? null : this.#store.find(replyTo);
    const from = memberOf(workflow, request.from ?? outside);
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
    };
    if (request.to === everyAgent) {
      const others = workflow.agents.filter((agent) => agent.id !== from);
      if (others.length === 0) {
        throw new MaosError('AGENT_NOT_FOUND', `Session ${sessionId} has no agent except the sender.`, {
          details: { sessionId },
        });
      }
      return others.map((agent) => {
        const own = `msg_${this.#project.ids.ulid()}` as MessageId;
        return queueMessage({ ...draft, id: own, to: agent.id, broadcastId: id }, original, at);
      });
    }
    if (request.to === null && original === null) {
      throw new MaosError(
        'INVALID_INPUT',
        `'to' is missing: name an agent, '${everyAgent}' or '${outside}'.`,
      );
    }
    const to = request.to === null ? (original?.from ?? null) : memberOf(workflow, request.to);
    return [queueMessage({ ...draft, id, to, broadcastId: null }, original, at)];
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

function memberOf({ session, agents }: Workflow, text: string): AgentId | null {
  if (text === outside) return null;
  const found = agents.find(({ id }) => id === text) ?? agents.find(({ name }) => name === text);
  if (found !== undefined) return found.id;
  const names = agents.map(({ name }) => name);
  throw new MaosError(
    'AGENT_NOT_FOUND',
    `Session ${session.id} has no agent ${quote(text)}: it has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}.`,
    { details: { sessionId: session.id, reference: startOf(text, 200) } },
  );
}

import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import type { ConversationWay, Message, MessageLimits, MessageState } from '../../domain/message.ts';
import type { MessageType } from '../../domain/message-type.ts';

/** An agent; or, with null, the people and programs outside the session's team. */
export interface Recipient {
  readonly sessionId: SessionId;
  readonly agentId: AgentId | null;
}

export type AgentRecipient = Recipient & { readonly agentId: AgentId };

export interface MessageQuery {
  /** Missing: every session of the project. */
  readonly sessionId?: SessionId;
  /** Missing: any recipient. Null: outside the team. */
  readonly to?: AgentId | null;
  /** Each of them occurs in the subject or the text. ASCII letters match in either case. */
  readonly words?: readonly string[];
  readonly replyTo?: MessageId;
  readonly state?: MessageState;
  readonly type?: MessageType;
  readonly correlationId?: string;
  readonly limit: number;
  /** The id of the last message on the previous page. */
  readonly before?: MessageId;
}

/**
 * Messages of one project. Every method is one transaction, durable when it returns; throws like those of SessionStore.
 * A change of state is stored together with its event, except for a session that has ended. Messages that wait for an
 * ended agent become dead. A message that its recipient answers is acknowledged.
 */
export interface MessageStore {
  /**
   * Stores messages, unless the id is already in use.
   * @param id that of the only message, or of the broadcast
   * @param limits include these messages
   * @returns the messages stored earlier under the id, or null
   * @throws MaosError INVALID_TRANSITION when the session or the recipient has ended, RESOURCE_LIMIT_EXCEEDED beyond a
   *   limit
   */
  add(
    id: MessageId,
    messages: readonly Message[],
    limits: MessageLimits,
    at: string,
  ): readonly Message[] | null;
  /**
   * Moves the first messages that are due for the recipient. Of several concurrent processes, only one gets a message.
   * @returns the moved messages
   */
  take(
    recipient: Recipient,
    max: number,
    move: (message: Message) => Message,
    at: string,
  ): readonly Message[];
  /** Whether a message is due for the recipient. */
  hasDue(recipient: Recipient, at: string): boolean;
  /**
   * Claims the first messages that are due for an attempt of the agent, in the order of each sender: a message stays
   * behind if an earlier one of its sender must come first. Messages claimed for an earlier attempt wait again.
   */
  claim(
    recipient: AgentRecipient,
    attempt: number,
    via: ConversationWay,
    max: number,
    at: string,
  ): readonly Message[];
  /** All messages that are claimed for the agent, in the order in which they were stored. */
  onTheirWay(agentId: AgentId): readonly Message[];
  /** Moves messages that are claimed for the agent. @returns those that changed */
  changeOnTheirWay(agentId: AgentId, move: (message: Message) => Message, at: string): readonly Message[];
  /**
   * @param move returns the same object to change nothing; its errors are passed on, and nothing is stored
   * @returns the moved message; null if there is none with that id
   */
  change(id: MessageId, move: (message: Message) => Message, at: string): Message | null;
  /** Moves messages whose lease or deadline has expired, at most `max`. @returns the moved messages */
  changeExpired(move: (message: Message) => Message, at: string, max: number): readonly Message[];
  find(id: MessageId): Message | null;
  /** Ids that begin or end with the text, newest first; with the prefix `msg_`, only those that begin with it. */
  findByText(text: string, limit: number): readonly MessageId[];
  /** Newest first, by id. */
  list(query: MessageQuery): readonly Message[];
  /** Number of messages in each state; absent for none. */
  counts(sessionId: SessionId): Readonly<Partial<Record<MessageState, number>>>;
  /** Number of queued messages for people and programs outside the team. */
  waitingOutside(sessionId: SessionId): number;
  /** When the recipient's next message is due, or its lease expires; null if none is waiting. */
  nextDue(recipient: Recipient): string | null;
  /** Appends the changes since the last call to the journal, exclusively among all processes. */
  journal(recipient: AgentRecipient, to: MessageJournal): void;
}

/** `messages.jsonl` of every agent: each message for it, once per state. For people; the store is authoritative. */
export interface MessageJournal {
  /**
   * Appends a line per message. A crash may repeat a line, and of two changes in quick succession only the later
   * appears.
   * @returns false when the session has no folder (yet, or any more): nothing was written
   */
  append(sessionId: SessionId, agentId: AgentId, messages: readonly Message[]): boolean;
}

import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import type { ConversationWay, Message, MessageState } from '../../domain/message.ts';
import type { MessageType } from '../../domain/message-type.ts';

/** Whose messages: an agent's, or, null, those for people and programs outside the session's team. */
export interface Recipient {
  readonly sessionId: SessionId;
  readonly agentId: AgentId | null;
}

export type AgentRecipient = Recipient & { readonly agentId: AgentId };

export interface MessageQuery {
  readonly sessionId: SessionId;
  /** Absent: any recipient. Null: outside the team. */
  readonly to?: AgentId | null;
  readonly state?: MessageState;
  readonly type?: MessageType;
  readonly correlationId?: string;
  readonly limit: number;
  /** Only what comes after it: the id of the last message of the page before. */
  readonly before?: MessageId;
}

/**
 * Messages of one project, durable. Every method is one transaction and durable when it returns; throws as those of
 * SessionStore do. A change of state is stored together with its event, which a session that has ended takes no more of. No message
 * waits for an agent that has ended: what would is dead. A message that is answered by its recipient is acknowledged.
 */
export interface MessageStore {
  /**
   * Stores messages, unless some were stored under that id.
   * @param id of the only message, or of the broadcast they are
   * @param maxWaiting that may wait for one recipient to be acknowledged, these included
   * @returns those stored before under it, or null
   * @throws MaosError INVALID_TRANSITION when the session or the recipient has ended, RESOURCE_LIMIT_EXCEEDED when too many
   *   wait
   */
  add(id: MessageId, messages: readonly Message[], maxWaiting: number, at: string): readonly Message[] | null;
  /**
   * Moves the first messages that the recipient may have by now. Of several processes that ask at once, one gets a message.
   * @returns them as moved
   */
  take(
    recipient: Recipient,
    max: number,
    move: (message: Message) => Message,
    at: string,
  ): readonly Message[];
  /** Whether a message waits that the recipient could have now. */
  hasDue(recipient: Recipient, at: string): boolean;
  /**
   * Puts the first messages that the agent may have by now on their way to that attempt of it, in the order of their
   * senders: what an earlier message of the same sender has to come before stays. What was on its way to an earlier attempt
   * waits again.
   */
  claim(
    recipient: AgentRecipient,
    attempt: number,
    via: ConversationWay,
    max: number,
    at: string,
  ): readonly Message[];
  /** Moves messages that are on their way to the agent. @returns those that changed */
  changeOnTheirWay(agentId: AgentId, move: (message: Message) => Message, at: string): readonly Message[];
  /**
   * @param move returns the same object to change nothing; what it throws is thrown, and nothing stored
   * @returns the message as moved; null when there is none of that id
   */
  change(id: MessageId, move: (message: Message) => Message, at: string): Message | null;
  /** Moves messages whose lease has run out or whose deadline has passed by then, at most `max`. @returns them as moved */
  changeExpired(move: (message: Message) => Message, at: string, max: number): readonly Message[];
  find(id: MessageId): Message | null;
  /** Newest first, by id. */
  list(query: MessageQuery): readonly Message[];
  /** When the next of the recipient's messages may be had, or its lease runs out; null when none waits. */
  nextDue(recipient: Recipient): string | null;
  /** Gives the journal what changed since it was last given anything; alone among all processes. */
  journal(recipient: AgentRecipient, to: MessageJournal): void;
}

/** `messages.jsonl` of every agent: each message for it, once for each state it came to. For people; the store is the truth. */
export interface MessageJournal {
  /**
   * Appends a line for each. A crash may leave the same line twice, and of two changes close together only the later.
   * @returns false when the session has no folder (yet, or any more): nothing was written
   */
  append(sessionId: SessionId, agentId: AgentId, messages: readonly Message[]): boolean;
}

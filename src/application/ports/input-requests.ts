import type { AgentId, InputRequestId, SessionId } from '../../domain/ids.ts';
import type { InputRequest, InputRequestState } from '../../domain/input-request.ts';

export interface InputRequestQuery {
  /** Absent: every session of the project. */
  readonly sessionId?: SessionId;
  readonly agentId?: AgentId;
  readonly attempt?: number;
  readonly state?: InputRequestState;
  readonly limit: number;
  /** Only what comes after it: the id of the last request of the page before. */
  readonly before?: InputRequestId;
}

/**
 * Requests of one project's agents, durable. Every method is one transaction and durable when it returns; throws as those
 * of SessionStore do. A change of state is stored together with its event. What is still open of an attempt that ends is
 * withdrawn in the transaction that stores the end: see `SessionStore.commit`.
 */
export interface InputRequestStore {
  /**
   * @returns the request that is stored under its agent, attempt and key: the one given, unless there was one before
   * @throws MaosError INVALID_TRANSITION when that attempt of the agent does not run
   */
  open(request: InputRequest, at: string): InputRequest;
  /**
   * @param move returns the same object to change nothing; what it throws is thrown, and nothing stored
   * @returns the request as moved; null when there is none of that id
   */
  change(id: InputRequestId, move: (request: InputRequest) => InputRequest, at: string): InputRequest | null;
  /** Moves open requests whose time is over by then, at most `max`. @returns them as moved */
  changeDue(move: (request: InputRequest) => InputRequest, at: string, max: number): readonly InputRequest[];
  find(id: InputRequestId): InputRequest | null;
  /** Newest first, by id. */
  list(query: InputRequestQuery): readonly InputRequest[];
  /** Ids that begin or end with the text, newest first. */
  findByText(text: string, limit: number): readonly InputRequestId[];
  /** When the next open request of the session expires; null when none is open. */
  nextDue(sessionId: SessionId): string | null;
}

import type { AgentId, InputRequestId, SessionId } from '../../domain/ids.ts';
import type { InputRequest, InputRequestState } from '../../domain/input-request.ts';

export interface InputRequestQuery {
  /** Missing: every session of the project. */
  readonly sessionId?: SessionId;
  readonly agentId?: AgentId;
  readonly attempt?: number;
  readonly state?: InputRequestState;
  readonly limit: number;
  /** The id of the last request on the previous page. */
  readonly before?: InputRequestId;
}

/**
 * Requests of one project's agents. Every method is one transaction, durable when it returns; throws like those of
 * SessionStore. A change of state is stored together with its event. When an attempt ends, its open requests are
 * withdrawn in the same transaction: see `SessionStore.commit`.
 */
export interface InputRequestStore {
  /**
   * @returns the stored request with this agent, attempt and key: the given one, unless there was one before
   * @throws MaosError INVALID_TRANSITION when that attempt of the agent is not running
   */
  open(request: InputRequest, at: string): InputRequest;
  /**
   * @param move returns the same object to change nothing; its errors are passed on, and nothing is stored
   * @returns the moved request; null if there is none with that id
   */
  change(id: InputRequestId, move: (request: InputRequest) => InputRequest, at: string): InputRequest | null;
  /** Moves open requests that have expired, at most `max`. @returns the moved requests */
  changeDue(move: (request: InputRequest) => InputRequest, at: string, max: number): readonly InputRequest[];
  find(id: InputRequestId): InputRequest | null;
  /** Newest first, by id. */
  list(query: InputRequestQuery): readonly InputRequest[];
  /** Number of open requests that have not expired. */
  countOpen(at: string): number;
  /** Ids that begin or end with the text, newest first. */
  findByText(text: string, limit: number): readonly InputRequestId[];
  /** When the next open request of the session expires; null if none is open. */
  nextDue(sessionId: SessionId): string | null;
}

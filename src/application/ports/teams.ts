import type { SessionId } from '../../domain/ids.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { SessionRequest } from './ownership.ts';

/** A session that an agent started. */
export interface Team {
  readonly sessionId: SessionId;
  /** The last requester in its event log. */
  readonly askedBy: string | null;
}

export type TeamRequest = Exclude<SessionRequest['desired'], 'pending'>;

/** Nested teams that agents start, in any project of this home. */
export interface Teams {
  /** Records that the agent starts one in this project; call it before the session exists. */
  note(parent: ParentAgent): void;
  /**
   * Requests that the agent's dependent teams end, pause or resume. The requests are stored when this settles, and a
   * process is started for teams without an owner. Requests that fail are logged.
   */
  ask(parent: ParentAgent, desired: TeamRequest, reason: string): Promise<void>;
}

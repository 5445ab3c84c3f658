import type { SessionId } from '../../domain/ids.ts';
import type { ParentAgent } from '../../domain/session.ts';
import type { SessionRequest } from './ownership.ts';

/** A session that an agent started. */
export interface Team {
  readonly sessionId: SessionId;
  /** Who asked something of it last, as in its event log. */
  readonly askedBy: string | null;
}

export type TeamRequest = Exclude<SessionRequest['desired'], 'pending'>;

/** Teams that agents start, in whatever project of the home. */
export interface Teams {
  /** Writes down that the agent starts one in this project; before it is there. */
  note(parent: ParentAgent): void;
  /**
   * Asks all teams of the agent that are to share its fate to end, to pause or to go on; it is stored when this
   * settles, and a process is started for those that nobody runs. What cannot be asked is logged.
   */
  ask(parent: ParentAgent, desired: TeamRequest, reason: string): Promise<void>;
}

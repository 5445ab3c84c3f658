import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';

/** The right to change a session, held by one instance at a time. `epoch` grows with every new owner. */
export interface Lease {
  readonly sessionId: SessionId;
  readonly owner: InstanceId;
  readonly epoch: number;
}

/** What another process asked of a session's owner. */
export interface SessionRequest {
  readonly sessionId: SessionId;
  /** Null: the session as a whole. */
  readonly agentId: AgentId | null;
  /** `pending` is asked of an agent only: to run again. Of an agent only `pending` and `cancelled` are asked. */
  readonly desired: 'running' | 'paused' | 'cancelled' | 'pending';
  readonly reason: string;
}

/** A session that should have an owner, and who that is. */
export interface UnfinishedSession {
  readonly sessionId: SessionId;
  readonly state: SessionState;
  readonly owner: InstanceId | null;
  /** When its owner last said that it lives; null without an owner. */
  readonly heartbeatAt: string | null;
  /** Its owner announced its exit, and the session's exit policy is to stop. */
  readonly exiting: boolean;
}

/** Thrown by `commit` when the session has another owner: change nothing more. */
export class LeaseLost extends Error {
  readonly sessionId: SessionId;
  constructor(sessionId: SessionId) {
    super(`Session ${sessionId} is now owned by another maos process.`);
    this.name = 'LeaseLost';
    this.sessionId = sessionId;
  }
}

/** Thrown by `commit` when somebody asked for a retry before the session's end was stored: it is to be heard first. */
export class RetryAsked extends Error {
  constructor(sessionId: SessionId) {
    super(`A retry was asked of session ${sessionId} before its end was stored.`);
    this.name = 'RetryAsked';
  }
}

import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';

/** The right to change a session, held by one instance at a time. `epoch` grows with every new owner. */
export interface Lease {
  readonly sessionId: SessionId;
  readonly owner: InstanceId;
  readonly epoch: number;
}

/** A request of another process to a session's owner. */
export interface SessionRequest {
  readonly sessionId: SessionId;
  /** Null: the whole session. */
  readonly agentId: AgentId | null;
  /** For agents only `pending` (retry) and `cancelled`; `pending` is for agents only. */
  readonly desired: 'running' | 'paused' | 'cancelled' | 'pending';
  readonly reason: string;
}

/** A session that should have an owner, and its owner. */
export interface UnfinishedSession {
  readonly sessionId: SessionId;
  readonly state: SessionState;
  readonly owner: InstanceId | null;
  /** Last heartbeat of its owner; null without an owner. */
  readonly heartbeatAt: string | null;
  /** Its owner announced its exit: when its process is gone, it has not died. */
  readonly ownerIsExiting: boolean;
  /** This or an earlier owner announced its exit, and the session's exit policy is to stop: the next owner stops it. */
  readonly mustStop: boolean;
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

/** Thrown by `commit` when a retry was requested before the session's end was stored: handle it first. */
export class RetryAsked extends Error {
  constructor(sessionId: SessionId) {
    super(`A retry was asked of session ${sessionId} before its end was stored.`);
    this.name = 'RetryAsked';
  }
}

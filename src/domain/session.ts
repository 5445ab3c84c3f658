import type { Budget } from './budget.ts';
import type { AgentId, SessionId } from './ids.ts';
import { assertTransition, isFinal, type TransitionTable } from './transitions.ts';

export const sessionStates = ['created', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
export type SessionState = (typeof sessionStates)[number];

export const sessionTransitions: TransitionTable<SessionState> = {
  created: ['running', 'cancelled'],
  running: ['paused', 'completed', 'failed', 'cancelled'],
  paused: ['running', 'completed', 'failed', 'cancelled'],
  completed: [],
  /** Only by an explicit retry. */
  failed: ['running'],
  cancelled: [],
};

export const strategies = ['parallel', 'sequential', 'pipeline'] as const;
export type Strategy = (typeof strategies)[number];

/** What a stored session can have: `adaptive` was accepted once, and ran as `parallel`. */
export const storedStrategies = [...strategies, 'adaptive'] as const;
export type StoredStrategy = (typeof storedStrategies)[number];

/** `continue`: what does not depend on a failed agent still runs. `fail_fast`: one failure cancels the rest. */
export const failurePolicies = ['continue', 'fail_fast'] as const;
export type FailurePolicy = (typeof failurePolicies)[number];

/** What happens to running agents when the MAOS that owns them must exit. */
export const exitPolicies = ['stop', 'keep'] as const;
export type ExitPolicy = (typeof exitPolicies)[number];

/** What happens to a team when the agent that started it has ended. */
export const parentEndPolicies = ['cancel', 'keep'] as const;
export type ParentEndPolicy = (typeof parentEndPolicies)[number];

/** An agent that starts teams of its own. */
export interface ParentAgent {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
}

export interface SessionParent extends ParentAgent {
  readonly onEnd: ParentEndPolicy;
}

/** `user`: asked for. `interrupted`: its MAOS exited. `quota`: the provider refused until `resumeAt`. */
export const pauseReasons = ['user', 'interrupted', 'quota'] as const;
export type PauseReason = (typeof pauseReasons)[number];

/** The requests that any process may make of a session, also of one that another process owns. */
export const sessionActions = ['pause', 'resume', 'cancel', 'retry'] as const;
export type SessionAction = (typeof sessionActions)[number];

/** How many agents of the session may run at once; null is 'no limit of its own'. */
export interface SessionLimits {
  readonly maxConcurrency: number | null;
  readonly maxAgentsPerRole: number | null;
}

export interface Session {
  readonly id: SessionId;
  readonly objective: string;
  readonly strategy: StoredStrategy;
  readonly failurePolicy: FailurePolicy;
  readonly onExit: ExitPolicy;
  readonly limits: SessionLimits;
  /** For all its agents together. */
  readonly budget: Budget;
  /** 0 for a session a person or client started, 1 for one started by an agent of such a session, and so on. */
  readonly depth: number;
  /** The agent that started it; null: a person or client did. */
  readonly parent: SessionParent | null;
  /** Where it was started, and its agents work; null: the project's own folder. Absolute. */
  readonly folder: string | null;
  readonly state: SessionState;
  readonly pauseReason: PauseReason | null;
  /** When a pause for quota is expected to end. */
  readonly resumeAt: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** As in `Timed`; what its owners have recorded. */
  readonly inactiveMs: number;
}

/** The session has ended: only a retry starts it again. */
export function isSessionEnded(state: SessionState): boolean {
  return state === 'failed' || isFinal(sessionTransitions, state);
}

/**
 * @param at ISO 8601 UTC, milliseconds
 * @throws MaosError INVALID_TRANSITION
 */
export function moveSession(
  session: Session,
  to: SessionState,
  at: string,
  pause: { reason: PauseReason; resumeAt?: string } | null = null,
): Session {
  assertTransition(sessionTransitions, `Session ${session.id}`, session.state, to);
  return {
    ...session,
    state: to,
    pauseReason: to === 'paused' ? (pause?.reason ?? 'user') : null,
    resumeAt: to === 'paused' ? (pause?.resumeAt ?? null) : null,
    startedAt: session.startedAt ?? (to === 'running' ? at : null),
    endedAt: isSessionEnded(to) ? at : null,
  };
}

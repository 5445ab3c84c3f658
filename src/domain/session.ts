import type { Budget } from './budget.ts';
import type { AgentId, SessionId } from './ids.ts';
import { assertTransition, isFinal, type TransitionTable } from './transitions.ts';
import type { VerifyRules } from './verification.ts';
import type { RepositoryStart } from './worktree.ts';

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

/** Strategies of stored sessions: `adaptive` was accepted in the past and ran as `parallel`. */
export const storedStrategies = [...strategies, 'adaptive'] as const;
export type StoredStrategy = (typeof storedStrategies)[number];

/** `continue`: agents that do not depend on a failed one still run. `fail_fast`: one failure cancels all others. */
export const failurePolicies = ['continue', 'fail_fast'] as const;
export type FailurePolicy = (typeof failurePolicies)[number];

/** What happens to running agents when their session's owner must exit. */
export const exitPolicies = ['stop', 'keep'] as const;
export type ExitPolicy = (typeof exitPolicies)[number];

/** What happens to a nested team when the agent that started it has ended. */
export const parentEndPolicies = ['cancel', 'keep'] as const;
export type ParentEndPolicy = (typeof parentEndPolicies)[number];

/** An agent that starts nested teams. */
export interface ParentAgent {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
}

export interface SessionParent extends ParentAgent {
  readonly onEnd: ParentEndPolicy;
}

/** `user`: on request. `interrupted`: its MAOS exited. `quota`: a provider refuses until `resumeAt`. */
export const pauseReasons = ['user', 'interrupted', 'quota'] as const;
export type PauseReason = (typeof pauseReasons)[number];

/** Requests that any process may make of any session. */
export const sessionActions = ['pause', 'resume', 'cancel', 'retry'] as const;
export type SessionAction = (typeof sessionActions)[number];

/** How many of the session's agents may run at once; null: no limit of its own. */
export interface SessionLimits {
  readonly maxConcurrency: number | null;
  readonly maxAgentsPerRole: number | null;
}

/**
 * How permissions are decided. `all`: the user has granted all of them for the whole session; null: rules and people
 * decide.
 */
export const sessionApprovals = ['all'] as const;
export type SessionApprovals = (typeof sessionApprovals)[number] | null;

export const landPolicies = ['auto'] as const;
export type LandPolicy = (typeof landPolicies)[number];

/** As a plan says it; `manual` is the default, and stored as null. */
export const landChoices = ['manual', ...landPolicies] as const;
export type LandChoice = (typeof landChoices)[number];

/** What a session lands, and where. */
export interface Landing {
  /** The session whose work lands. */
  readonly sessionId: SessionId;
  /** The branch that moves, without `refs/heads/`. */
  readonly target: string;
  /** One commit per agent instead of a merge of its own. */
  readonly squash: boolean;
}

/** What makes a session the answer to every request with the same key. */
export interface SessionKey {
  /** Unique in the project: the `idempotency_key` of its plan, or the id that a client gave its call. */
  readonly key: string;
  /** SHA-256 (hex) of the plan as it was asked for. */
  readonly planDigest: string;
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
  /** 0 for a session started by a person or client, 1 for one started by an agent of such a session, and so on. */
  readonly depth: number;
  /** The agent that started it; null for a person or client. */
  readonly parent: SessionParent | null;
  /** Absolute path of the folder where it was started and its agents work; null: the project's own folder. */
  readonly folder: string | null;
  readonly approvals: SessionApprovals;
  /** Null if none of its agents works in a worktree. */
  readonly repository: RepositoryStart | null;
  /** Checks the work of all its agents together, at the end and wherever it lands; null: nothing does. */
  readonly verify: VerifyRules | null;
  /** `auto`: completed work is landed by MAOS; null: on request. */
  readonly land: LandPolicy | null;
  /** Set if the session lands the work of another. */
  readonly landing: Landing | null;
  readonly idempotency: SessionKey | null;
  readonly state: SessionState;
  readonly pauseReason: PauseReason | null;
  /** When a pause for quota is expected to end. */
  readonly resumeAt: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** As in `Timed`, as recorded by its owners. */
  readonly inactiveMs: number;
}

/** Whether the session has ended: only a retry starts it again. */
export function isSessionEnded(state: SessionState): boolean {
  return state === 'failed' || isFinal(sessionTransitions, state);
}

/**
 * @param at ISO 8601 in UTC, with milliseconds
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

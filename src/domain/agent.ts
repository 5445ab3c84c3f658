import { type AgentStage, stageTransitions } from './agent-stage.ts';
import { type BackendChoice, onFirstBackend } from './backend-choice.ts';
import type { Budget } from './budget.ts';
import type { AgentId, SessionId } from './ids.ts';
import { assertTransition, type TransitionTable } from './transitions.ts';
import type { Usage } from './usage.ts';

export const agentStates = ['pending', 'running', 'completed', 'failed', 'cancelled', 'resumable'] as const;
export type AgentState = (typeof agentStates)[number];

export const agentTransitions: TransitionTable<AgentState> = {
  pending: ['running', 'cancelled'],
  running: ['completed', 'failed', 'cancelled', 'resumable'],
  completed: [],
  /** Only by an explicit retry. */
  failed: ['pending'],
  /** Only by an explicit retry: what a failure elsewhere had cancelled. */
  cancelled: ['pending'],
  resumable: ['running', 'cancelled', 'failed'],
};

export const failureKinds = [
  'exit_code',
  'signal',
  'timeout',
  'stalled',
  'memory_limit',
  'output_limit',
  'auth_required',
  'rate_limited',
  /** There is no such model, or not for this account. */
  'model_unavailable',
  /** The conversation has outgrown what the model can read. */
  'context_exceeded',
  /** The model, or its provider, will not do the task. */
  'refused',
  'spawn_failed',
  'lost',
  'verification_failed',
  'dependency_failed',
  'budget_exceeded',
  /** The store cannot hold what the agent reported. */
  'report_refused',
] as const;
export type FailureKind = (typeof failureKinds)[number];

export interface AgentFailure {
  readonly kind: FailureKind;
  /** What happened, with the measured value and the limit where there is one, and what to do next. */
  readonly message: string;
  /** The last lines of stderr; empty when there were none. */
  readonly stderrTail: string;
}

/** What an agent's CLI was not allowed to do, and did without. */
export interface PermissionDenials {
  readonly count: number;
  /** The first of them, in the CLI's own words: 'Bash: git push'. */
  readonly shown: readonly string[];
}

/** An agent that has given a result and does not end: processes of it remain. */
export interface Lingering {
  /** What its CLI still runs in the background, in the CLI's own words. */
  readonly background: readonly string[];
  /** Then what is left is ended; null: only its other limits end it. */
  readonly until: string | null;
}

export const agentWorkspaces = ['project', 'own'] as const;
export type AgentWorkspace = (typeof agentWorkspaces)[number];

/** What a role brings from the file that defines it, as it was when the session was made. */
export interface RoleFile {
  /** Where it was found; for people. */
  readonly path: string;
  /** The system prompt written in it; may be empty. */
  readonly prompt: string;
  /** The only tools the agent may use, in the words of Claude Code; null: all it has. */
  readonly tools: readonly string[] | null;
  readonly deniedTools: readonly string[];
}

/** The agent's role as the session holds it: a later change of the catalogue does not change a stored plan. */
export interface AgentRole {
  readonly name: string;
  /** Set for custom roles, which the catalogue does not know. */
  readonly custom: {
    readonly description: string;
    readonly responsibilities: readonly string[];
    /** Absent for a role that the plan itself describes. */
    readonly file?: RoleFile;
  } | null;
}

/** What an agent is to do and by what means: decided once, and fixed while its session lasts. */
export interface AgentSpec {
  readonly role: AgentRole;
  readonly task: string;
  /** Of the present or last attempt: where its provider refused it, the next may run on another one of `backends`. */
  readonly backend: string;
  /** All that it may run on, in the order they are tried; null: only the one above. */
  readonly backends: readonly BackendChoice[] | null;
  /** For a backend that takes one: a program with its arguments, or a line for /bin/sh -c. */
  readonly command: readonly string[] | string | null;
  /** As its backend calls it. */
  readonly model: string | null;
  readonly workspace: AgentWorkspace;
  readonly timeoutMs: number;
  readonly maxMemoryMb: number;
  /** Sub-agents that its CLI may start in one attempt; null: as the settings say. */
  readonly maxSubagents: number | null;
  readonly budget: Budget;
}

/** Where nobody asks for anything else, and neither the role nor the settings say more. */
export const specDefaults = {
  command: null,
  backends: null,
  maxSubagents: null,
  workspace: 'project',
} as const satisfies Partial<AgentSpec>;

/** An agent in the plan of a session. */
export interface PlannedAgent extends AgentSpec {
  /** Unique in the session; what `depends_on` refers to. */
  readonly name: string;
  /** 1 for the first agent of its role in the session. */
  readonly ordinal: number;
  /** `role_ordinal`, or `role_suffix` where the caller named one. */
  readonly instance: string;
  /** Index of its phase in the orchestration. */
  readonly phase: number;
}

export interface Agent extends PlannedAgent {
  readonly id: AgentId;
  readonly sessionId: SessionId;
  readonly dependsOn: readonly AgentId[];

  readonly state: AgentState;
  /** What it is at while it runs; null in every other state. */
  readonly stage: AgentStage | null;
  /** How often it has been started; 0 before the first time. */
  readonly attempt: number;
  readonly failure: AgentFailure | null;
  /** Its own summary of the outcome: what dependents are told. */
  readonly result: string | null;
  /** Set while it runs, from a little after its result on. */
  readonly lingering: Lingering | null;
  /** Of its present or last attempt; null when nothing was refused. */
  readonly denials: PermissionDenials | null;
  /** How many sub-agents its CLI has started, as far as it tells; in its present or last attempt. */
  readonly subagents: number;
  /** Over all attempts. */
  readonly usage: Usage | null;
  /** What the attempts before the present one had used. */
  readonly usageBefore: Usage | null;
  /** The conversation the present attempt goes on with; null when it began one. */
  readonly resumed: string | null;
  /** The backend's own id of the conversation, once its output has named it: with it, it can be resumed. */
  readonly conversation: string | null;
  /** Not to be started before: its provider asked for patience. */
  readonly notBefore: string | null;
  /** How often in a row its provider has refused it. */
  readonly postponed: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** As in `Timed`; of its present or last attempt. */
  readonly inactiveMs: number;
}

/** How an agent is before it has been started. */
export const notStarted: Omit<Agent, keyof PlannedAgent | 'id' | 'sessionId' | 'dependsOn'> = {
  state: 'pending',
  stage: null,
  attempt: 0,
  failure: null,
  result: null,
  lingering: null,
  denials: null,
  subagents: 0,
  usage: null,
  usageBefore: null,
  resumed: null,
  conversation: null,
  notBefore: null,
  postponed: 0,
  startedAt: null,
  endedAt: null,
  inactiveMs: 0,
};

/** The agent has ended: only a retry starts it again. */
export function isAgentEnded(state: AgentState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** It may be started once its dependencies allow: never run, or interrupted in a way its backend can resume. */
export function isStartable(state: AgentState): boolean {
  return state === 'pending' || state === 'resumable';
}

/**
 * @param at ISO 8601 UTC, milliseconds
 * @throws MaosError INVALID_TRANSITION
 */
export function moveAgent(
  agent: Agent,
  to: AgentState,
  at: string,
  outcome: Partial<
    Pick<
      Agent,
      'failure' | 'result' | 'usage' | 'conversation' | 'notBefore' | 'postponed' | 'denials' | 'subagents'
    >
  > = {},
): Agent {
  assertTransition(agentTransitions, `Agent ${agent.id}`, agent.state, to);
  const moved: Agent = {
    ...agent,
    failure: null,
    lingering: null,
    notBefore: null,
    ...outcome,
    state: to,
    stage: to === 'running' ? 'preparing' : null,
  };
  if (to === 'running') {
    const { attempt, usage: usageBefore, conversation: resumed } = agent;
    const started = { attempt: attempt + 1, usageBefore, resumed, startedAt: at, endedAt: null };
    return { ...moved, ...started, denials: null, subagents: 0, inactiveMs: 0 };
  }
  if (to === 'pending') {
    const unstarted = { result: null, denials: null, subagents: 0, conversation: null, postponed: 0 };
    return onFirstBackend({ ...moved, ...unstarted, startedAt: null, endedAt: null });
  }
  return { ...moved, endedAt: at };
}

/** @throws MaosError INVALID_TRANSITION, also for an agent that does not run */
export function enterStage(agent: Agent, stage: AgentStage): Agent {
  assertTransition(stageTransitions, `Agent ${agent.id}`, agent.stage ?? 'settled', stage);
  return { ...agent, stage };
}

/** Why an agent still runs though it has given its result. */
export function lingeringText({ background, until }: Lingering): string {
  const what =
    background.length === 0 ? 'processes still running' : `background work: ${background.join(', ')}`;
  return `result given, ${what}${until === null ? '' : `; MAOS ends them at ${until}`}`;
}

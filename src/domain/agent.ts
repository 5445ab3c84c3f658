import { type AgentStage, stageTransitions } from './agent-stage.ts';
import { type BackendChoice, onFirstBackend } from './backend-choice.ts';
import type { Budget } from './budget.ts';
import type { AgentId, SessionId } from './ids.ts';
import { assertTransition, type TransitionTable } from './transitions.ts';
import { totalUsage, type Usage } from './usage.ts';
import { noProof, type Proof, type ProofSubject, type VerifyRules } from './verification.ts';
import type { AgentReference, AgentWork, WorktreeSetup } from './worktree.ts';

export const agentStates = ['pending', 'running', 'completed', 'failed', 'cancelled', 'resumable'] as const;
export type AgentState = (typeof agentStates)[number];

export const agentTransitions: TransitionTable<AgentState> = {
  pending: ['running', 'cancelled'],
  running: ['completed', 'failed', 'cancelled', 'resumable'],
  completed: [],
  /** Only by an explicit retry. */
  failed: ['pending'],
  /** Only by an explicit retry, for agents cancelled because of another's failure. */
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
  /** The model does not exist, or is not available to this account. */
  'model_unavailable',
  /** The conversation exceeds the model's context window. */
  'context_exceeded',
  /** The model or its provider declines the task. */
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
  /** What happened, with the measured value and the limit if there is one, and what to do next. */
  readonly message: string;
  /** The last lines of stderr; may be empty. */
  readonly stderrTail: string;
}

/** What an agent's CLI was not permitted to do, and worked without. */
export interface PermissionDenials {
  readonly count: number;
  /** The first denials, in the CLI's own words: "Bash: git push". */
  readonly shown: readonly string[];
}

/** For an agent that has returned a result but has not ended: some of its processes remain. */
export interface Lingering {
  /** What its CLI still runs in the background, in the CLI's own words. */
  readonly background: readonly string[];
  /** When MAOS ends the remaining processes; null: only the agent's other limits apply. */
  readonly until: string | null;
}

/** Where an agent works: in the session's folder, in an empty folder of its own, or in a git worktree of its own. */
export const agentWorkspaces = ['project', 'own', 'worktree'] as const;
export type AgentWorkspace = (typeof agentWorkspaces)[number];

/** What a program that is an agent may find on its stdin: the agent's prompt, or nothing. */
export const stdinChoices = ['prompt', 'none'] as const;
export type StdinChoice = (typeof stdinChoices)[number];

/** The part of a role that comes from the file that defines it, copied when the session was created. */
export interface RoleFile {
  /** Path of the file; for people. */
  readonly path: string;
  /** The system prompt in the file; may be empty. */
  readonly prompt: string;
  /** The only tools the agent may use, by Claude Code's names; null: all. */
  readonly tools: readonly string[] | null;
  readonly deniedTools: readonly string[];
}

/** The agent's role as stored in the session, independent of later changes to the catalogue. */
export interface AgentRole {
  readonly name: string;
  /** Set for custom roles, which are not in the predefined catalogue. */
  readonly custom: {
    readonly description: string;
    readonly responsibilities: readonly string[];
    /** Missing for a role that the plan itself describes. */
    readonly file?: RoleFile;
  } | null;
}

/** What an agent must do and with what means: decided once and fixed for its session. */
export interface AgentSpec {
  readonly role: AgentRole;
  readonly task: string;
  /**
   * The backend of the current or last attempt. If its provider refuses, the next attempt may run on another one of
   * `backends`.
   */
  readonly backend: string;
  /** All backends that it may run on, in order of preference; null: only `backend`. */
  readonly backends: readonly BackendChoice[] | null;
  /** For a backend that takes a command: a program with arguments, or a line for /bin/sh -c. */
  readonly command: readonly string[] | string | null;
  /** What its program reads, for a backend that takes a command; null: nothing in the role `command`, else its prompt. */
  readonly stdin: StdinChoice | null;
  /** The backend's name for it. */
  readonly model: string | null;
  readonly workspace: AgentWorkspace;
  /** The pool of hosts that it runs on; null: this machine. */
  readonly pool: string | null;
  /** How often it is run again by itself after its host was lost, each time as a further attempt; null: never. */
  readonly rerunOnLost: number | null;
  /** For workspace `worktree`; null: nothing besides the commit's files. */
  readonly worktree: WorktreeSetup | null;
  /** Null: its own word is enough. */
  readonly verify: VerifyRules | null;
  /** The agent of an ended session whose work it brings onto the target of its session's landing; null: none. */
  readonly lands: AgentReference | null;
  /** Null: no limit. */
  readonly timeoutMs: number | null;
  /** Null: no limit. */
  readonly maxMemoryMb: number | null;
  /** Maximum number of sub-agents that its CLI may start in one attempt; null: according to the settings. */
  readonly maxSubagents: number | null;
  readonly budget: Budget;
}

/**
 * The form of what is said of an agent, and of its session, to the hosts of a pool. Raise it with every change: a host
 * that would not understand all of an order must not take it.
 */
export const orderFormat = 1;

/** Defaults if neither the plan, the role nor the settings specify a value. */
export const specDefaults = {
  command: null,
  stdin: null,
  backends: null,
  maxSubagents: null,
  workspace: 'project',
  pool: null,
  rerunOnLost: null,
  worktree: null,
  verify: null,
  lands: null,
} as const satisfies Partial<AgentSpec>;

export interface PlannedAgent extends AgentSpec {
  /** Unique in the session; referenced by `depends_on`. */
  readonly name: string;
  /** 1 for the first agent of its role in the session. */
  readonly ordinal: number;
  /** `role_ordinal`, or `role_suffix` if the caller gave a suffix. */
  readonly instance: string;
  /** Index of its phase. */
  readonly phase: number;
}

export interface Agent extends PlannedAgent {
  readonly id: AgentId;
  readonly sessionId: SessionId;
  readonly dependsOn: readonly AgentId[];

  readonly state: AgentState;
  /** Its stage while it runs; null in every other state. */
  readonly stage: AgentStage | null;
  /** Number of starts. */
  readonly attempt: number;
  readonly failure: AgentFailure | null;
  /** Its own summary of the outcome, which its dependents receive. */
  readonly result: string | null;
  /** Set while it runs, soon after it has returned a result. */
  readonly lingering: Lingering | null;
  /** Of its current or last attempt; null when nothing was denied. */
  readonly denials: PermissionDenials | null;
  /** Number of sub-agents that its CLI has reported in its current or last attempt. */
  readonly subagents: number;
  /** Over all attempts. */
  readonly usage: Usage | null;
  /** Usage of all attempts before the current one. */
  readonly usageBefore: Usage | null;
  /** Usage of the conversation that it continues, from before its session; null if it began with a new one. */
  readonly carried: Usage | null;
  /** The conversation that the current attempt resumes; null if it began a new one. */
  readonly resumed: string | null;
  /** The backend's own id of the conversation, from its output; needed to resume it. */
  readonly conversation: string | null;
  /** Where its current or last attempt runs, for people; null: on this machine, or nowhere yet. */
  readonly where: string | null;
  /** Must not be started earlier, because its provider asked to wait. */
  readonly notBefore: string | null;
  /** Number of consecutive refusals by its provider. */
  readonly postponed: number;
  /** How often it has been run again because its host was lost, since its last explicit retry; null: never. */
  readonly reruns: number | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** As in `Timed`, for its current or last attempt. */
  readonly inactiveMs: number;
  /** Null outside a worktree, and before its worktree exists. */
  readonly work: AgentWork | null;
  readonly proof: Proof | null;
}

/** The state of an agent before its first start. */
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
  carried: null,
  resumed: null,
  conversation: null,
  where: null,
  notBefore: null,
  postponed: 0,
  reruns: null,
  startedAt: null,
  endedAt: null,
  inactiveMs: 0,
  work: null,
  proof: null,
};

const notOfSpec: Readonly<Record<Exclude<keyof Agent, keyof AgentSpec>, unknown>> = {
  ...notStarted,
  ...{ id: true, sessionId: true, name: true, ordinal: true, instance: true, phase: true, dependsOn: true },
};

/** What the agent must do, without what it is called and what has become of it. */
export function specOf(agent: Agent): AgentSpec {
  const said = Object.entries(agent).filter(([key]) => !(key in notOfSpec));
  return Object.fromEntries(said) as unknown as AgentSpec;
}

/** Whether the agent has ended: only a retry starts it again. */
export function isAgentEnded(state: AgentState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Whether it may be started when its dependencies allow: it has never run, or was interrupted and can continue. */
export function isStartable(state: AgentState): boolean {
  return state === 'pending' || state === 'resumable';
}

/**
 * @param at ISO 8601 in UTC, with milliseconds
 * @throws MaosError INVALID_TRANSITION
 */
export function moveAgent(
  agent: Agent,
  to: AgentState,
  at: string,
  outcome: Partial<
    Pick<
      Agent,
      | 'failure'
      | 'result'
      | 'usage'
      | 'conversation'
      | 'notBefore'
      | 'postponed'
      | 'reruns'
      | 'denials'
      | 'subagents'
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
    proof: agent.proof === null ? null : { ...agent.proof, runningSince: null },
  };
  if (to === 'running') return inNewAttempt(moved, at);
  if (to === 'pending') {
    const proof = agent.proof === null ? null : { ...noProof, checks: agent.proof.checks };
    const unstarted = { result: null, denials: null, subagents: 0, conversation: null, proof };
    const counts = { postponed: 0, reruns: null };
    return onFirstBackend({ ...moved, ...unstarted, ...counts, startedAt: null, endedAt: null });
  }
  return { ...moved, endedAt: at };
}

/** Continues the conversation of an agent of another session. */
export function withConversationOf(agent: Agent, { conversation, carried, usage }: Agent): Agent {
  return { ...agent, conversation, carried: totalUsage([carried, usage]) };
}

/** Continues its conversation, if it has one. */
function inNewAttempt(agent: Agent, at: string): Agent {
  const { attempt, usage: usageBefore, conversation: resumed } = agent;
  const started = { attempt: attempt + 1, usageBefore, resumed, startedAt: at, endedAt: null };
  return { ...agent, ...started, denials: null, subagents: 0, inactiveMs: 0 };
}

/**
 * In stage `verifying`, with all checks of its work to come.
 * @param ranMs running time of the attempt's program
 * @param subject null: it is not known yet
 */
export function toBeProven(agent: Agent, ranMs: number, subject: ProofSubject | null = null): Agent {
  const begun = { isDue: true, command: 0, subject, runningSince: null, failed: null };
  const proof = { ...(agent.proof ?? noProof), ...begun, ranMs: Math.round(ranMs) };
  return { ...agent, stage: 'verifying', proof, lingering: null };
}

/** In another attempt, although it has not left the state `running`, to mend what a check found. */
export function inFixRound(agent: Agent, round: number, at: string): Agent {
  const proof = { ...(agent.proof ?? noProof), round, isDue: false, runningSince: null };
  return inNewAttempt({ ...agent, stage: 'preparing', proof }, at);
}

/** @throws MaosError INVALID_TRANSITION, also for an agent that is not running */
export function enterStage(agent: Agent, stage: AgentStage): Agent {
  assertTransition(stageTransitions, `Agent ${agent.id}`, agent.stage ?? 'settled', stage);
  return { ...agent, stage };
}

/** Why an agent still runs after returning its result. */
export function lingeringText({ background, until }: Lingering): string {
  const what =
    background.length === 0 ? 'processes still running' : `background work: ${background.join(', ')}`;
  return `result given, ${what}${until === null ? '' : `; MAOS ends them at ${until}`}`;
}

import { type Agent, type AgentSpec, notStarted, type PlannedAgent } from './agent.ts';
import type { Budget } from './budget.ts';
import { quote } from './errors.ts';
import { type AgentId, makeAgentId, type SessionId } from './ids.ts';
import { modelNamePattern, modelNameRule } from './model-name.ts';
import { orderOf } from './plan-dependencies.ts';
import { nameAgents, nameProblems } from './plan-names.ts';
import { invalidPlan, type PlanProblem, refuseProblems } from './plan-problem.ts';
import { poolProblems } from './pool.ts';
import type { Role } from './roles/role.ts';
import type {
  ExitPolicy,
  FailurePolicy,
  LandChoice,
  ParentEndPolicy,
  Session,
  SessionApprovals,
  SessionLimits,
  SessionParent,
  Strategy,
} from './session.ts';
import { sessionCheckOf } from './session-check.ts';
import { levelsOf } from './strategies.ts';
import type { VerifyRules } from './verification.ts';
import type { WorktreeSetup } from './worktree.ts';
import { worktreeProblems } from './worktree-plan.ts';

/** A requested agent, including defaults. Shapes and sizes were validated on input; meaning is validated here. */
export interface AgentRequest extends AgentSpec {
  readonly name: string | null;
  /** Names of other agents. */
  readonly dependsOn: readonly string[];
  readonly stage: number | null;
  readonly instanceSuffix: string | null;
}

/** All fields are optional and have defaults. */
export type Draft<T> = { readonly [K in keyof T]?: Exclude<T[K], null> | undefined };

/** A role that the caller defines. */
export interface RoleDraft extends Draft<Pick<Role, 'responsibilities'>> {
  readonly name: string;
  readonly description: string;
}

/** An agent as written by the caller. */
export interface AgentDraft
  extends Draft<
    Omit<AgentRequest, 'role' | 'task' | 'budget' | 'backends' | 'worktree' | 'verify' | 'lands'>
  > {
  readonly role: string | RoleDraft;
  readonly task: string;
  /** Further backends to continue on, in order, when the quota of the agent's own is used up. */
  readonly fallback?: readonly string[] | undefined;
  readonly budget?: Draft<Budget> | undefined;
  /** Implies the workspace. */
  readonly worktree?: Draft<WorktreeSetup> | undefined;
  readonly verify?: VerifyDraft | undefined;
}

/** A check, of which only the commands have no default. */
export type VerifyDraft = Pick<VerifyRules, 'commands'> & Draft<Omit<VerifyRules, 'commands'>>;

/** A plan as written by the caller. */
export interface PlanDraft extends Draft<Pick<PlanRequest, 'strategy' | 'failurePolicy' | 'onExit'>> {
  readonly objective: string;
  readonly agents?: readonly AgentDraft[] | undefined;
  readonly onParentEnd?: ParentEndPolicy | undefined;
  readonly limits?: Draft<SessionLimits> | undefined;
  readonly budget?: Draft<Budget> | undefined;
  readonly verify?: VerifyDraft | undefined;
  readonly land?: LandChoice | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** The specified fields of a draft, to override defaults. */
export function given<T extends object>(draft: T = {} as T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const said = Object.entries(draft).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export interface PlanRequest {
  readonly objective: string;
  readonly strategy: Strategy;
  readonly failurePolicy: FailurePolicy;
  readonly onExit: ExitPolicy;
  readonly limits: SessionLimits;
  readonly budget: Budget;
  readonly depth: number;
  readonly parent: SessionParent | null;
  /** See Session. */
  readonly folder: string | null;
  /** See Session. Default: null. */
  readonly approvals?: SessionApprovals;
  /** See Session. Default: null. */
  readonly repository?: Session['repository'];
  readonly verify?: Session['verify'];
  readonly land?: Session['land'];
  readonly landing?: Session['landing'];
  readonly idempotency?: Session['idempotency'];
  readonly agents: readonly AgentRequest[];
  /** Alternative names for dependencies, such as the alias that a role was requested with. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** Without the check of the session. */
export const maxAgentsPerSession = 500;

/** The plan of a session: agents with their names, dependencies and phases. Nothing is stored yet. */
export interface Plan {
  readonly request: PlanRequest;
  readonly agents: readonly (PlannedAgent & {
    /** Indexes of the agents it depends on. */
    readonly dependsOn: readonly number[];
  })[];
}

/** A request with everything that is wrong with it. */
export interface ReviewedPlan {
  readonly problems: readonly PlanProblem[];
  /** @throws RefusedPlan if there are problems */
  plan(): Plan;
}

/** Looks for everything wrong with a request. If the session is checked, the plan's last agent is the check. */
export function reviewPlan(request: PlanRequest): ReviewedPlan {
  const names = nameAgents(request.agents);
  const wrongSize = [...sizeProblems(request)];
  if (wrongSize.length > 0) return { problems: wrongSize, plan: () => refused(wrongSize) };
  const { dependencies, problems: ofOrder } = orderOf(request, names);
  const problems = [
    ...nameProblems(request, names),
    ...modelProblems(request.agents, names),
    ...worktreeProblems(request, names),
    ...poolProblems(request.agents, names),
    ...ofOrder,
  ];
  return {
    problems,
    plan: () =>
      problems.length > 0
        ? refused(problems)
        : { request, agents: numbered(...withSessionCheck(request, names, dependencies)) },
  };
}

function refused(problems: readonly PlanProblem[]): never {
  refuseProblems(problems);
  throw new Error('There is no problem.');
}

/**
 * Converts a request to a plan that is guaranteed to terminate.
 * @throws RefusedPlan INVALID_PLAN for no agents, too many, an invalid or duplicate name, an unknown dependency, a
 *   cycle, worktrees and checks that do not fit together
 */
export function makePlan(request: PlanRequest): Plan {
  return reviewPlan(request).plan();
}

function* sizeProblems({ agents }: PlanRequest): Generator<PlanProblem> {
  const count = agents.length;
  const details = { agents: count };
  if (count === 0) {
    const message = 'The plan has no agents: add at least one {role, task}.';
    yield invalidPlan(message, ['agents'], details, [['agents']]);
  }
  if (count > maxAgentsPerSession) {
    const message = `The plan has ${count} agents; a session can have at most ${maxAgentsPerSession}.`;
    yield invalidPlan(message, ['agents'], { ...details, limit: maxAgentsPerSession });
  }
}

/** The check runs when all others have completed, whatever the strategy. */
function withSessionCheck(
  request: PlanRequest,
  names: readonly string[],
  dependencies: readonly (readonly number[])[],
): Parameters<typeof numbered> {
  const { agents } = request;
  const check = sessionCheckOf(request);
  if (check === null) return [agents, names, dependencies];
  const unplaced = { dependsOn: [], stage: null, instanceSuffix: null };
  return [
    [...agents, { ...check, ...unplaced }],
    [...names, check.name],
    [...dependencies, [...agents.keys()]],
  ];
}

function numbered(
  agents: readonly AgentRequest[],
  names: readonly string[],
  dependencies: readonly (readonly number[])[],
): Plan['agents'] {
  const phases = levelsOf(dependencies);
  const ordinals = ordinalsOf(agents);
  return agents.map(({ stage, instanceSuffix, ...spec }, index) => {
    const ordinal = ordinals[index] as number;
    return {
      ...spec,
      name: names[index] as string,
      ordinal,
      instance: `${spec.role.name}_${instanceSuffix ?? ordinal}`,
      phase: phases[index] as number,
      dependsOn: dependencies[index] as readonly number[],
    };
  });
}

/** The position of each agent among those of its role. */
function ordinalsOf(agents: readonly AgentRequest[]): readonly number[] {
  const counts = new Map<string, number>();
  return agents.map(({ role }) => {
    const ordinal = (counts.get(role.name) ?? 0) + 1;
    counts.set(role.name, ordinal);
    return ordinal;
  });
}

function* modelProblems(agents: readonly AgentRequest[], names: readonly string[]): Generator<PlanProblem> {
  for (const [index, { model }] of agents.entries()) {
    if (model === null || modelNamePattern.test(model)) continue;
    yield invalidPlan(
      `The model of agent '${names[index]}' is ${quote(model)}; it must be ${modelNameRule}.`,
      ['agents', index, 'model'],
      { agent: index, model },
    );
  }
}

/**
 * Creates a plan's agents with ids, in state pending.
 * @param suffixes six random characters (a-z, 0-9) per agent
 */
export function agentsOf(
  { agents }: Plan,
  sessionId: SessionId,
  suffixes: readonly string[],
): readonly Agent[] {
  const ids = agents.map(
    ({ role, ordinal }, index): AgentId => makeAgentId(role.name, ordinal, suffixes[index] as string),
  );
  return agents.map((planned, index) => ({
    ...planned,
    ...notStarted,
    id: ids[index] as AgentId,
    sessionId,
    dependsOn: planned.dependsOn.map((upstream) => ids[upstream] as AgentId),
  }));
}

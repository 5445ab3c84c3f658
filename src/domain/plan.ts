import { type Agent, type AgentSpec, notStarted, type PlannedAgent } from './agent.ts';
import type { Budget } from './budget.ts';
import { startOf } from './cut-text.ts';
import { MaosError, quote } from './errors.ts';
import { type AgentId, makeAgentId, type SessionId } from './ids.ts';
import { modelNamePattern, modelNameRule } from './model-name.ts';
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
import { dependenciesUnder, findCycle, levelsOf, type PlanNode } from './strategies.ts';
import type { VerifyRules } from './verification.ts';
import type { WorktreeSetup } from './worktree.ts';
import { checkWorktrees } from './worktree-plan.ts';

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
  readonly agents: readonly AgentRequest[];
  /** Alternative names for dependencies, such as the alias that a role was requested with. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** Without the check of the session. */
export const maxAgentsPerSession = 500;

/** Names become folder names and `depends_on` references: letters, digits, `_ . -`, not starting with a dot or dash. */
export const agentNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

function invalidPlan(message: string, details: Readonly<Record<string, unknown>>): MaosError {
  return new MaosError('INVALID_PLAN', message, { details });
}

function countBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

/** The agent's own name; otherwise its role with the suffix; otherwise its role, numbered if that is ambiguous. */
function nameAgents(agents: readonly AgentRequest[]): readonly string[] {
  const base = (agent: AgentRequest): string =>
    agent.name ??
    (agent.instanceSuffix === null ? agent.role.name : `${agent.role.name}_${agent.instanceSuffix}`);
  const unnamed = agents.filter((agent) => agent.name === null);
  const repeats = countBy(unnamed, base);
  const ordinals = new Map<string, number>();
  return agents.map((agent) => {
    const name = base(agent);
    if (agent.name !== null || repeats.get(name) === 1) return name;
    const ordinal = (ordinals.get(name) ?? 0) + 1;
    ordinals.set(name, ordinal);
    return `${name}_${ordinal}`;
  });
}

function checkNames(names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    if (!agentNamePattern.test(name)) {
      throw invalidPlan(
        `Agent name ${quote(name)} is not valid: use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit.`,
        { agent: index, name: startOf(name, 200) },
      );
    }
    const first = names.indexOf(name);
    if (first !== index) {
      throw invalidPlan(
        `Agents ${first + 1} and ${index + 1} are both named ${quote(name)}: give one of them another name.`,
        { name, agents: [first, index] },
      );
    }
  }
}

function resolveReference(
  reference: string,
  agent: string,
  names: readonly string[],
  aliases: Readonly<Record<string, string>>,
): number {
  const direct = names.indexOf(reference);
  const alias = Object.hasOwn(aliases, reference) ? aliases[reference] : undefined;
  const index = direct >= 0 || alias === undefined ? direct : names.indexOf(alias);
  if (index >= 0) return index;
  const known = names.filter((name) => name !== agent).slice(0, 20);
  throw invalidPlan(
    `Agent ${quote(agent)} depends on ${quote(reference)}, which is not in this plan. ${known.length === 0 ? 'The plan has no other agent.' : `Agents: ${known.join(', ')}.`}`,
    { agent, reference: startOf(reference, 200), known },
  );
}

function toNodes(request: PlanRequest, names: readonly string[]): readonly PlanNode[] {
  return request.agents.map((agent, index) => {
    const name = names[index] as string;
    const dependsOn = agent.dependsOn.map((reference) => {
      const upstream = resolveReference(reference, name, names, request.aliases);
      if (upstream === index) {
        throw invalidPlan(
          `Agent ${quote(name)} depends on itself: remove ${quote(reference)} from its depends_on.`,
          {
            agent: name,
          },
        );
      }
      return upstream;
    });
    return { index, name, stage: agent.stage ?? index, dependsOn };
  });
}

/** The two ends of a long path, so that a message about it stays readable. */
function shorten(path: readonly string[]): readonly string[] {
  const shown = 6;
  if (path.length <= 2 * shown) return path;
  return [...path.slice(0, shown), `… (${path.length - 2 * shown} more)`, ...path.slice(-shown)];
}

/** The plan of a session: agents with their names, dependencies and phases. Nothing is stored yet. */
export interface Plan {
  readonly request: PlanRequest;
  readonly agents: readonly (PlannedAgent & {
    /** Indexes of the agents it depends on. */
    readonly dependsOn: readonly number[];
  })[];
}

/**
 * Converts a request to a plan that is guaranteed to terminate. If the session is checked, its last agent is the check.
 * @throws MaosError INVALID_PLAN for no agents, too many, an invalid or duplicate name, an unknown dependency, a cycle,
 *   worktrees and checks that do not fit together
 */
export function makePlan(request: PlanRequest): Plan {
  const count = request.agents.length;
  if (count === 0) {
    throw invalidPlan('The plan has no agents: add at least one {role, task}.', { agents: 0 });
  }
  if (count > maxAgentsPerSession) {
    throw invalidPlan(`The plan has ${count} agents; a session can have at most ${maxAgentsPerSession}.`, {
      agents: count,
      limit: maxAgentsPerSession,
    });
  }
  const names = nameAgents(request.agents);
  checkNames(names);
  checkModels(request.agents, names);
  checkWorktrees(request, names);
  const nodes = toNodes(request, names);
  const dependencies = dependenciesUnder(request.strategy, nodes);
  const cycle = findCycle(dependencies);
  if (cycle !== null) {
    const path = cycle.map((index) => names[index] as string);
    const adds = request.strategy === 'sequential' || request.strategy === 'pipeline';
    const hint = adds ? ` (the strategy '${request.strategy}' adds its own)` : '';
    throw invalidPlan(
      `The plan has a cycle: ${shorten(path).join(' needs ')}. Remove one of these dependencies${hint}.`,
      { cycle: path },
    );
  }
  return { request, agents: numbered(...withSessionCheck(request, names, dependencies)) };
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
  const taken = names.indexOf(check.name);
  if (taken >= 0) {
    throw invalidPlan(
      `Agent ${taken + 1} is named ${quote(check.name)}, which is the name of the session's check ("verify" of the plan): give the agent another name.`,
      { agent: taken, name: check.name },
    );
  }
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

function checkModels(agents: readonly AgentRequest[], names: readonly string[]): void {
  for (const [index, { model }] of agents.entries()) {
    if (model === null || modelNamePattern.test(model)) continue;
    throw invalidPlan(
      `The model of agent '${names[index]}' is ${quote(model)}; it must be ${modelNameRule}.`,
      {
        agent: index,
        model,
      },
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

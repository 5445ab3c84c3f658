import { type Agent, type AgentSpec, isAgentEnded, specOf, withConversationOf } from './agent.ts';
import { shorten } from './cut-text.ts';
import { sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { type AgentRequest, makePlan, type Plan } from './plan.ts';
import type { Session } from './session.ts';
import { isSessionCheck } from './session-check.ts';
import { inState } from './state-words.ts';
import type { VerifyRules } from './verification.ts';
import { type Change, type Workflow, withAgents } from './workflow.ts';

/** Of the landed session, in that of the landing; in characters. */
const maxObjective = 200;

/** An agent's work that a landing leaves out. */
export interface SkippedWork {
  readonly name: string;
  /** Its branch; null if it has none. */
  readonly branch: string | null;
  readonly reason: string;
}

/** The work that a landing brings onto its target, and what it leaves out. */
export interface LandingScope {
  /** In the order in which they land: an agent after all that it depends on. */
  readonly owners: readonly Agent[];
  readonly skipped: readonly SkippedWork[];
}

/** Agents that may have work to land, in the order in which it lands. */
export function landable({ session, agents }: Workflow): readonly Agent[] {
  return agents
    .filter((agent) => agent.workspace === 'worktree' && !isSessionCheck(session, agent))
    .toSorted((a, b) => a.phase - b.phase);
}

/** @param landed agents whose work the target contains already */
export function landingScope(workflow: Workflow, landed: ReadonlySet<AgentId>): LandingScope {
  const owners: Agent[] = [];
  const skipped: SkippedWork[] = [];
  for (const agent of landable(workflow)) {
    const reason = whySkipped(agent, landed);
    if (reason === null) owners.push(agent);
    else skipped.push({ name: agent.name, branch: agent.work?.branch ?? null, reason });
  }
  return { owners, skipped };
}

function whySkipped({ id, state, work }: Agent, landed: ReadonlySet<AgentId>): string | null {
  if (state !== 'completed')
    return `the agent did not complete: ${isAgentEnded(state) ? state : 'unfinished'}`;
  if (work === null || work.commit === null) return 'its work is in no commit';
  if (work.commit === work.base || work.diff?.files === 0) return 'no changes';
  return landed.has(id) ? 'landed already' : null;
}

/** Whether something concerns the session's present work: a retry of an ended session makes more. */
export function isSinceEnd(at: string, { endedAt }: Session): boolean {
  return endedAt !== null && at >= endedAt;
}

/** How a landing differs from what its session's plan says. */
export interface LandingChoice {
  /** Without `refs/heads/`. */
  readonly target: string;
  readonly squash: boolean;
  /** The backend of the agents that mend conflicts and failed checks; null: the owners do. */
  readonly merger: string | null;
  /** Where the landing is asked for. */
  readonly origin: Pick<Session, 'depth' | 'parent'>;
}

/** The session that lands the owners' work, and what it continues. At least one owner. */
export function landingPlan(workflow: Workflow, { owners }: LandingScope, choice: LandingChoice): Plan {
  const { session } = workflow;
  const { target, squash } = choice;
  return makePlan({
    objective: `Land onto ${target}: ${shorten(session.objective, maxObjective)}`,
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: session.onExit,
    limits: { maxConcurrency: 1, maxAgentsPerRole: null },
    budget: session.budget,
    depth: choice.origin.depth,
    parent: choice.origin.parent,
    folder: session.folder,
    approvals: session.approvals,
    repository: session.repository,
    landing: { sessionId: session.id, target, squash },
    agents: owners.map((owner) => landingAgent(workflow, owner, owners, choice.merger)),
    aliases: {},
  });
}

function landingAgent(
  workflow: Workflow,
  owner: Agent,
  owners: readonly Agent[],
  merger: string | null,
): AgentRequest {
  const { session } = workflow;
  return {
    ...specOf(owner),
    // Work is joined with its target at home.
    ...{ pool: null, rerunOnLost: null },
    ...(merger === null ? {} : mergerOn(merger)),
    verify: joinRules(owner.verify, session.verify),
    lands: { sessionId: session.id, agentId: owner.id },
    name: owner.name,
    dependsOn: landsAfter(workflow, owner, new Set(owners.map(({ id }) => id))),
    stage: null,
    instanceSuffix: null,
  };
}

function mergerOn(backend: string): Partial<AgentSpec> {
  return { role: { name: 'merger', custom: null }, backend, backends: null, command: null, model: null };
}

/** The names of owners that the agent depends on, also through agents that have nothing to land. */
export function landsAfter(
  { agents }: Workflow,
  owner: Agent,
  landing: ReadonlySet<AgentId>,
): readonly string[] {
  const byId = new Map(agents.map((agent) => [agent.id, agent]));
  const names = new Set<string>();
  const seen = new Set<AgentId>();
  const open = [...owner.dependsOn];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const upstream = byId.get(id);
    if (upstream === undefined || seen.has(id)) continue;
    seen.add(id);
    if (landing.has(id)) names.add(upstream.name);
    else open.push(...upstream.dependsOn);
  }
  return [...names];
}

/** Both the owner's checks and the session's, where its work lands. */
function joinRules(own: VerifyRules | null, whole: VerifyRules | null): VerifyRules | null {
  if (own === null || whole === null) return own ?? whole;
  return {
    commands: [...new Set([...own.commands, ...whole.commands])],
    timeoutMs: Math.max(own.timeoutMs, whole.timeoutMs),
    fixRounds: Math.max(own.fixRounds, whole.fixRounds),
    protect: [...new Set([...own.protect, ...whole.protect])],
  };
}

/**
 * Completes a drawn landing session: its agents continue the conversations of the owners, and it records what is
 * left out.
 */
export function beginLanding({ next, events }: Change, scope: LandingScope): Change {
  const owners = new Map(scope.owners.map((owner) => [owner.id, owner]));
  const changed = next.agents.map((agent) => {
    const owner = agent.lands === null ? undefined : owners.get(agent.lands.agentId);
    const continues =
      owner !== undefined && owner.backend === agent.backend && agent.command === owner.command;
    return [agent.id, continues ? withConversationOf(agent, owner) : agent] as const;
  });
  const { id, createdAt } = next.session;
  const skips = scope.skipped.map(({ name, reason }) =>
    sessionEvent('landing.skipped', id, createdAt, { name, reason }),
  );
  return { next: withAgents(next, new Map(changed)), events: [...events, ...skips] };
}

/** Whether the session may be landed now; otherwise why not, to follow "Session … cannot be landed: ". */
export function whyNotLanded({ repository, landing, state }: Session): string | null {
  if (landing !== null) return 'it lands the work of another session itself.';
  if (repository === null) {
    return 'none of its agents works in a worktree. Give the agents of a plan "workspace": "worktree".';
  }
  if (state === 'completed' || state === 'failed' || state === 'cancelled') return null;
  return `it ${inState(state)}. Wait until it has ended.`;
}

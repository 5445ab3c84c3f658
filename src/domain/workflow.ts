import type { Agent } from './agent.ts';
import { MaosError } from './errors.ts';
import { type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import type { Phase } from './orchestration.ts';
import { agentsOf, type Plan } from './plan.ts';
import type { Session } from './session.ts';

/** A session with its agents and phases, which are loaded, changed and stored as a unit. */
export interface Workflow {
  readonly session: Session;
  /** In plan order. */
  readonly agents: readonly Agent[];
  readonly phases: readonly Phase[];
}

/** The outcome of a decision: the next state and its events, to be stored in one transaction. */
export interface Change {
  readonly next: Workflow;
  readonly events: readonly DomainEvent[];
}

/** @throws MaosError AGENT_NOT_FOUND */
export function agentOf(workflow: Workflow, id: AgentId): Agent {
  const agent = workflow.agents.find((candidate) => candidate.id === id);
  if (agent !== undefined) return agent;
  throw new MaosError('AGENT_NOT_FOUND', `Session ${workflow.session.id} has no agent ${id}.`, {
    details: { sessionId: workflow.session.id, agentId: id },
  });
}

export function withAgents(workflow: Workflow, changed: ReadonlyMap<AgentId, Agent>): Workflow {
  return { ...workflow, agents: workflow.agents.map((agent) => changed.get(agent.id) ?? agent) };
}

export function createWorkflow(
  plan: Plan,
  ids: { readonly sessionId: SessionId; readonly suffixes: readonly string[] },
  at: string,
): Change {
  const { request } = plan;
  const agents = agentsOf(plan, ids.sessionId, ids.suffixes);
  const session: Session = {
    id: ids.sessionId,
    objective: request.objective,
    strategy: request.strategy,
    failurePolicy: request.failurePolicy,
    onExit: request.onExit,
    limits: request.limits,
    budget: request.budget,
    depth: request.depth,
    parent: request.parent,
    folder: request.folder,
    approvals: request.approvals ?? null,
    repository: request.repository ?? null,
    verify: request.verify ?? null,
    land: request.land ?? null,
    landing: request.landing ?? null,
    idempotency: request.idempotency ?? null,
    state: 'created',
    pauseReason: null,
    resumeAt: null,
    createdAt: at,
    startedAt: null,
    endedAt: null,
    inactiveMs: 0,
  };
  const phaseCount = Math.max(...agents.map(({ phase }) => phase)) + 1;
  const phases = Array.from({ length: phaseCount }, (_, index): Phase => ({ index, state: 'planned' }));
  const created = sessionEvent('session.created', session.id, at, {
    objective: session.objective,
    strategy: session.strategy,
    failurePolicy: session.failurePolicy,
    onExit: session.onExit,
    ...(session.approvals === null ? {} : { approvals: session.approvals }),
    agents: agents.map((agent, index) => ({
      id: agent.id,
      name: agent.name,
      role: agent.role.name,
      phase: agent.phase,
      dependsOn: plan.agents[index]?.dependsOn.flatMap((upstream) => plan.agents[upstream]?.name ?? []) ?? [],
    })),
  });
  return { next: { session, agents, phases }, events: [created] };
}

import { type Agent, type AgentState, moveAgent } from './agent.ts';
import type { Budget, BudgetChange } from './budget.ts';
import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { advancePhases } from './orchestration.ts';
import type { Session } from './session.ts';
import { startSession } from './session-life.ts';
import { inState } from './state-words.ts';
import { agentOf, type Change, type Workflow } from './workflow.ts';

/** Ended without completing. */
function fellShort(state: AgentState): boolean {
  return state === 'failed' || state === 'cancelled';
}

/**
 * The agents that a retry runs again: those that failed, and those that were cancelled. If an agent is named, only that
 * agent and its dependents that were cancelled solely because of it. Completed agents never run again.
 * @throws MaosError INVALID_TRANSITION when the named agent neither failed nor was cancelled, when there is nothing to
 *   retry, or when an agent that is not retried would prevent the retried ones from running
 */
export function decideRetries(workflow: Workflow, only: AgentId | null): readonly Agent[] {
  if (only === null) {
    const agents = workflow.agents.filter(({ state }) => fellShort(state));
    if (agents.length > 0) return agents;
    const { id, state } = workflow.session;
    throw new MaosError(
      'INVALID_TRANSITION',
      `Session ${id} ${inState(state)} and has no failed agent to retry.`,
      {
        details: { sessionId: id, state },
      },
    );
  }
  const named = agentOf(workflow, only);
  if (!fellShort(named.state)) {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Agent ${named.id} ${inState(named.state)}: only an agent that failed or was cancelled can be retried.`,
      { details: { agentId: named.id, state: named.state } },
    );
  }
  const chosen = new Set<AgentId>([named.id]);
  const inTheWay = (agent: Agent): Agent | undefined =>
    agent.dependsOn
      .map((id) => agentOf(workflow, id))
      .find((upstream) => fellShort(upstream.state) && !chosen.has(upstream.id));
  const blocker = inTheWay(named);
  if (blocker !== undefined) throw cannotRunAlone(named, blocker, `it depends on '${blocker.name}'`);
  // Agents are in plan order, which need not be the order of dependencies, so repeat until nothing is added.
  for (let size = 0; size !== chosen.size; ) {
    size = chosen.size;
    for (const agent of workflow.agents) {
      if (agent.state !== 'cancelled' || !agent.dependsOn.some((id) => chosen.has(id))) continue;
      if (inTheWay(agent) === undefined) chosen.add(agent.id);
    }
  }
  if (workflow.session.failurePolicy === 'fail_fast') {
    const other = workflow.agents.find(({ id, state }) => state === 'failed' && !chosen.has(id));
    if (other !== undefined) throw cannotRunAlone(named, other, 'the failure policy is fail_fast');
  }
  return workflow.agents.filter((agent) => chosen.has(agent.id));
}

/** If it were reset, this agent would wait for ever, and its session would never end. */
function cannotRunAlone(agent: Agent, blocker: Agent, because: string): MaosError {
  return new MaosError(
    'INVALID_TRANSITION',
    `Agent ${agent.id} cannot be retried by itself: ${because}, and '${blocker.name}' (${blocker.id}) ${
      blocker.state === 'failed' ? 'failed' : 'was cancelled'
    }. Retry that one, or the whole session.`,
    { details: { agentId: agent.id, state: agent.state, blockedBy: blocker.id } },
  );
}

/**
 * Resets agents so that they run again, and the session continues.
 * @param change caps that replace those of the session, or of the agent if only one is retried
 * @throws MaosError INVALID_TRANSITION for a completed or cancelled session, and as {@link decideRetries}
 */
export function retryWorkflow(
  workflow: Workflow,
  only: AgentId | null,
  at: string,
  change: BudgetChange = {},
): Change {
  const agents = decideRetries(workflow, only);
  const isChanged = Object.keys(change).length > 0;
  const budgetOf = (owner: Pick<Session | Agent, 'budget'>): { budget: Budget } | null =>
    isChanged ? { budget: { ...owner.budget, ...change } } : null;
  const ofAgent = (agent: Agent) => (agent.id === only ? budgetOf(agent) : null);
  const started =
    workflow.session.state === 'running' ? { next: workflow, events: [] } : startSession(workflow, at);
  const changed = new Map(
    agents.map((agent) => [agent.id, { ...moveAgent(agent, 'pending', at), ...ofAgent(agent) }]),
  );
  const next = started.next.agents.map((agent) => changed.get(agent.id) ?? agent);
  const { phases, moves } = advancePhases(workflow.phases, next);
  const raised = only === null ? budgetOf(workflow.session) : null;
  const session = { ...started.next.session, ...raised };
  const events: DomainEvent[] = [
    sessionEvent('session.retried', session.id, at, { agents: agents.map(({ name }) => name), ...raised }),
    ...started.events,
    ...agents.map((agent) =>
      agentEvent('agent.retried', agent, at, {
        name: agent.name,
        attempts: agent.attempt,
        ...ofAgent(agent),
      }),
    ),
    ...moves.flatMap((phase) =>
      phase.state === 'running'
        ? [sessionEvent('phase.started', session.id, at, { phase: phase.index })]
        : [],
    ),
  ];
  return { next: { session, agents: next, phases }, events };
}

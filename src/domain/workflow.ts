import { activeMs, inactiveFor, withMeasured } from './active-time.ts';
import {
  type Agent,
  type AgentFailure,
  enterStage,
  isStartable,
  type Lingering,
  moveAgent,
  type PermissionDenials,
} from './agent.ts';
import type { AgentLocation } from './agent-location.ts';
import { type AgentStage, stageTransitions } from './agent-stage.ts';
import { MaosError } from './errors.ts';
import { agentEvent, type DomainEvent, sessionEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import { advancePhases, type Phase, progressOf } from './orchestration.ts';
import { agentsOf, type Plan } from './plan.ts';
import { decideCancellations, decideOutcome } from './scheduling.ts';
import { moveSession, type PauseReason, type Session } from './session.ts';
import { canTransition } from './transitions.ts';
import { continuedUsage, soundUsage, type Usage } from './usage.ts';

/** A session with its agents and phases: what is loaded, decided upon and stored as one. */
export interface Workflow {
  readonly session: Session;
  /** In plan order. */
  readonly agents: readonly Agent[];
  readonly phases: readonly Phase[];
}

/** The outcome of a decision: the next state and the facts that led there, to be stored in one transaction. */
export interface Change {
  readonly next: Workflow;
  readonly events: readonly DomainEvent[];
}

/** How an agent's run ended. */
export type AgentOutcome =
  | { readonly state: 'completed'; readonly result: string }
  | { readonly state: 'failed'; readonly failure: AgentFailure; readonly result: string | null }
  | { readonly state: 'cancelled'; readonly reason: string }
  /** `notBefore`: its provider put it off until then. `afresh`: its conversation cannot be gone on with. */
  | {
      readonly state: 'resumable';
      readonly reason: string;
      readonly notBefore?: string;
      readonly afresh?: true;
    };

export interface AgentReport {
  readonly outcome: AgentOutcome;
  readonly usage: Usage | null;
  /** With which it can be resumed; null when none was heard of since it started. */
  readonly conversation: string | null;
  readonly denials?: PermissionDenials | null;
  /** How long the attempt has run, as it was measured; absent: as the machine's clock and what is recorded of it tell. */
  readonly activeMs?: number;
}

/** @throws MaosError AGENT_NOT_FOUND */
export function agentOf(workflow: Workflow, id: AgentId): Agent {
  const agent = workflow.agents.find((candidate) => candidate.id === id);
  if (agent !== undefined) return agent;
  throw new MaosError('AGENT_NOT_FOUND', `Session ${workflow.session.id} has no agent ${id}.`, {
    details: { sessionId: workflow.session.id, agentId: id },
  });
}

function withAgents(workflow: Workflow, changed: ReadonlyMap<AgentId, Agent>): Workflow {
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

/** Lets the session run: for the first time, or again after a pause or for a retry. */
export function startSession(workflow: Workflow, at: string): Change {
  const session = moveSession(workflow.session, 'running', at);
  const type = workflow.session.startedAt === null ? 'session.started' : 'session.resumed';
  return { next: { ...workflow, session }, events: [sessionEvent(type, session.id, at, {})] };
}

/** Marks agents as running, in stage `preparing`, before their processes exist, so that a crash in between is seen. */
export function startAgents(workflow: Workflow, ids: readonly AgentId[], at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  for (const id of ids) {
    // An agent named twice is refused like any other that already runs.
    const agent = moveAgent(changed.get(id) ?? agentOf(workflow, id), 'running', at);
    changed.set(id, agent);
    events.push(
      agentEvent('agent.started', agent, at, {
        name: agent.name,
        role: agent.role.name,
        backend: agent.backend,
        attempt: agent.attempt,
      }),
    );
  }
  return advance({ next: withAgents(workflow, changed), events }, at);
}

/**
 * Records that a process of a running agent exists.
 * @throws MaosError INVALID_TRANSITION
 */
export function recordSpawn(workflow: Workflow, id: AgentId, location: AgentLocation, at: string): Change {
  const agent = enterStage(agentOf(workflow, id), 'executing');
  const { name, attempt } = agent;
  return {
    next: withAgents(workflow, new Map([[id, agent]])),
    events: [agentEvent('agent.spawned', agent, at, { name, attempt, where: { ...location } })],
  };
}

/**
 * Brings a running agent to another stage; to `executing` for the first time with {@link recordSpawn}.
 * @throws MaosError INVALID_TRANSITION
 */
export function changeStage(workflow: Workflow, id: AgentId, stage: AgentStage, at: string): Change {
  const { agent, events } = moveStage(agentOf(workflow, id), stage, at);
  return { next: withAgents(workflow, new Map([[id, agent]])), events };
}

function moveStage(before: Agent, stage: AgentStage, at: string): { agent: Agent; events: DomainEvent[] } {
  const agent = enterStage(before, stage);
  // An agent that enters a stage was in one.
  const data = { name: agent.name, stage, previous: before.stage as AgentStage };
  return { agent, events: [agentEvent('agent.stage_changed', agent, at, data)] };
}

/** As an agent is settled from: one that nobody saw collecting passes that stage with its end. */
function readyToSettle(agent: Agent, at: string): { agent: Agent; events: DomainEvent[] } {
  const { stage } = agent;
  const isReady = stage === null || canTransition(stageTransitions, stage, 'settled');
  return isReady ? { agent, events: [] } : moveStage(agent, 'collecting', at);
}

function outcomeEvent(agent: Agent, outcome: AgentOutcome, at: string): DomainEvent {
  const { name, usage } = agent;
  const durationMs = activeMs(agent, Date.parse(at));
  switch (outcome.state) {
    case 'completed':
      return agentEvent('agent.completed', agent, at, { name, durationMs, result: outcome.result, usage });
    case 'failed': {
      const { kind, message } = outcome.failure;
      return agentEvent('agent.failed', agent, at, { name, durationMs, kind, message, usage });
    }
    case 'cancelled':
      return agentEvent('agent.cancelled', agent, at, {
        name,
        durationMs,
        reason: outcome.reason,
        kind: null,
        usage,
      });
    case 'resumable':
      return outcome.notBefore === undefined
        ? agentEvent('agent.interrupted', agent, at, { name, durationMs, reason: outcome.reason, usage })
        : agentEvent('agent.postponed', agent, at, {
            name,
            durationMs,
            until: outcome.notBefore,
            reason: outcome.reason,
            usage,
          });
  }
}

/** What the agent has used over all its attempts, with what the present one reports so far. */
export function usageNow(agent: Agent, reported: Usage | null, conversation: string | null): Usage | null {
  if (reported === null) return agent.usage;
  // A CLI may give a conversation another id when it goes on with it.
  const goesOn = agent.resumed !== null && conversation !== null;
  return continuedUsage(agent.usageBefore, soundUsage(reported), goesOn);
}

function isAfresh(outcome: AgentOutcome): boolean {
  return outcome.state === 'resumable' && outcome.afresh === true;
}

/** Records how a running agent ended, and everything that follows from it. */
export function settleAgent(workflow: Workflow, id: AgentId, report: AgentReport, at: string): Change {
  const { agent: before, events } = readyToSettle(agentOf(workflow, id), at);
  const { outcome } = report;
  const moved = moveAgent(before, outcome.state, at, {
    failure: outcome.state === 'failed' ? outcome.failure : null,
    result: outcome.state === 'completed' || outcome.state === 'failed' ? outcome.result : before.result,
    usage: usageNow(before, report.usage, report.conversation),
    conversation: isAfresh(outcome) ? null : (report.conversation ?? before.conversation),
    denials: report.denials ?? before.denials,
    ...(outcome.state === 'resumable' && outcome.notBefore !== undefined
      ? { notBefore: outcome.notBefore, postponed: before.postponed + 1 }
      : { postponed: 0 }),
  });
  const agent = report.activeMs === undefined ? moved : withMeasured(moved, report.activeMs);
  const change = {
    next: withAgents(workflow, new Map([[id, agent]])),
    events: [...events, outcomeEvent(agent, outcome, at)],
  };
  return advance(change, at);
}

/**
 * Records that the machine's clock has moved by so much beside the time that passed: the machine slept, or the clock was
 * set. What runs has not run for so long.
 * @param byMs negative where the clock was set back
 */
export function recordClockChange(workflow: Workflow, byMs: number, at: string): Change {
  const event = sessionEvent('session.clock_changed', workflow.session.id, at, { byMs });
  const agents = workflow.agents.map((agent) =>
    agent.state === 'running' ? inactiveFor(agent, byMs) : agent,
  );
  return { next: { ...workflow, session: inactiveFor(workflow.session, byMs), agents }, events: [event] };
}

/** A cancelled session cancels whatever has not started; running agents are settled one by one as they stop. */
export function cancelWaiting(workflow: Workflow, reason: string, at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  for (const agent of workflow.agents) {
    if (!isStartable(agent.state)) continue;
    changed.set(agent.id, moveAgent(agent, 'cancelled', at));
    events.push(
      agentEvent('agent.cancelled', agent, at, { name: agent.name, reason, kind: null, usage: agent.usage }),
    );
  }
  return advancePhasesOf({ next: withAgents(workflow, changed), events }, at);
}

/**
 * Cancels one agent that is not running, and with it what depends on it.
 * @throws MaosError INVALID_TRANSITION
 */
export function cancelAgent(workflow: Workflow, id: AgentId, reason: string, at: string): Change {
  const before = agentOf(workflow, id);
  if (before.state === 'running') {
    throw new MaosError(
      'INVALID_TRANSITION',
      `Agent ${id} is running: it is cancelled by stopping it and recording how it ended.`,
      { details: { agentId: id, state: before.state } },
    );
  }
  const agent = moveAgent(before, 'cancelled', at);
  const event = agentEvent('agent.cancelled', agent, at, {
    name: agent.name,
    reason,
    kind: null,
    usage: agent.usage,
  });
  return advance({ next: withAgents(workflow, new Map([[id, agent]])), events: [event] }, at);
}

/** Ends the session as cancelled; every agent must have ended. */
export function cancelSession(workflow: Workflow, reason: string, at: string): Change {
  const session = moveSession(workflow.session, 'cancelled', at);
  return {
    next: { ...workflow, session },
    events: [sessionEvent('session.cancelled', session.id, at, { reason })],
  };
}

export function pauseSession(
  workflow: Workflow,
  pause: { reason: PauseReason; resumeAt?: string },
  at: string,
): Change {
  const session = moveSession(workflow.session, 'paused', at, pause);
  const data = { reason: pause.reason, resumeAt: pause.resumeAt ?? null };
  return { next: { ...workflow, session }, events: [sessionEvent('session.paused', session.id, at, data)] };
}

/** Cancels what failures doom, moves the phases, and ends the session when nothing is left to do. */
function advance(change: Change, at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events = [...change.events];
  for (const { agent, reason, because } of decideCancellations(change.next.session, change.next.agents)) {
    const kind = reason === 'dependency_failed' ? reason : null;
    const message =
      because === null
        ? 'Another agent failed and the failure policy is fail_fast.'
        : `It depends on '${because.name}', which did not complete.`;
    changed.set(
      agent.id,
      moveAgent(agent, 'cancelled', at, {
        failure: kind === null ? null : { kind, message, stderrTail: '' },
      }),
    );
    events.push(
      agentEvent('agent.cancelled', agent, at, {
        name: agent.name,
        reason: message,
        kind,
        usage: agent.usage,
      }),
    );
  }
  return advancePhasesOf({ next: withAgents(change.next, changed), events }, at);
}

function advancePhasesOf(change: Change, at: string): Change {
  const { session, agents } = change.next;
  const { phases, moves } = advancePhases(change.next.phases, agents);
  const events = moves.flatMap((phase) =>
    phase.state === 'planned'
      ? []
      : [sessionEvent(`phase.${eventOf[phase.state]}`, session.id, at, { phase: phase.index })],
  );
  return { next: { ...change.next, phases }, events: [...change.events, ...events] };
}

const eventOf = { running: 'started', completed: 'completed', failed: 'failed', skipped: 'skipped' } as const;

/** Ends a running or paused session when every agent has ended; null while there is something left to do. */
export function finishSession(workflow: Workflow, at: string): Change | null {
  const outcome = decideOutcome(workflow.agents);
  const { state } = workflow.session;
  if (outcome === null || (state !== 'running' && state !== 'paused')) return null;
  const session = moveSession(workflow.session, outcome, at);
  const { completed, failed, cancelled } = progressOf(workflow.agents);
  const event =
    outcome === 'completed'
      ? sessionEvent('session.completed', session.id, at, { agents: completed })
      : sessionEvent('session.failed', session.id, at, { completed, failed, cancelled });
  return { next: { ...workflow, session }, events: [event] };
}

/** What was heard of a running agent since the last note. */
export interface ProgressNote {
  readonly id: AgentId;
  /** One line: what it is doing; null when only something else is new. */
  readonly activity: string | null;
  readonly usage: Usage | null;
  readonly conversation: string | null;
  readonly denials?: PermissionDenials | null;
  /** Whether it lingers since its result; absent when that is as it was. */
  readonly lingering?: Lingering | null;
}

/** Records progress of running agents; notes on others are passed over, as they ended in the meantime. */
export function recordProgress(workflow: Workflow, notes: readonly ProgressNote[], at: string): Change {
  const changed = new Map<AgentId, Agent>();
  const events: DomainEvent[] = [];
  for (const { id, activity, usage, conversation, denials = null, lingering } of notes) {
    const before = agentOf(workflow, id);
    if (before.state !== 'running') continue;
    const agent = {
      ...before,
      usage: usageNow(before, usage, conversation),
      conversation: conversation ?? before.conversation,
      denials: denials ?? before.denials,
      lingering: lingering === undefined ? before.lingering : lingering,
    };
    changed.set(id, agent);
    const { name } = agent;
    if (activity !== null) {
      events.push(agentEvent('agent.progressed', agent, at, { name, activity, usage: agent.usage }));
    }
    if (lingering) events.push(agentEvent('agent.answered', agent, at, { name, ...lingering }));
    else if (lingering === null && before.lingering !== null) {
      events.push(agentEvent('agent.went_on', agent, at, { name }));
    }
  }
  return { next: withAgents(workflow, changed), events };
}

import assert from 'node:assert/strict';
import type { Agent, AgentFailure } from '../../src/domain/agent.ts';
import { specDefaults } from '../../src/domain/agent.ts';
import { noBudget } from '../../src/domain/budget.ts';
import { type ErrorCode, MaosError } from '../../src/domain/errors.ts';
import { makeSessionId } from '../../src/domain/ids.ts';
import { type AgentRequest, makePlan, type PlanRequest } from '../../src/domain/plan.ts';
import { startAgents } from '../../src/domain/running-agents.ts';
import { decideStarts } from '../../src/domain/scheduling.ts';
import { startSession } from '../../src/domain/session-life.ts';
import { type AgentOutcome, settleAgent } from '../../src/domain/settle-agent.ts';
import { agentOf, type Change, createWorkflow, type Workflow } from '../../src/domain/workflow.ts';

export const sessionId = makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ');

/** The time `seconds` after the samples begin. */
export function time(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
}

export function agentRequest(
  given: Partial<AgentRequest> & { readonly roleName?: string } = {},
): AgentRequest {
  const { roleName = 'qa', ...rest } = given;
  return {
    ...specDefaults,
    role: { name: roleName, custom: null },
    task: 'Do it.',
    name: null,
    dependsOn: [],
    stage: null,
    backend: 'claude',
    model: null,
    instanceSuffix: null,
    timeoutMs: 60_000,
    maxMemoryMb: 1024,
    budget: noBudget,
    ...rest,
  };
}

export function planRequest(
  agents: readonly AgentRequest[],
  given: Partial<Omit<PlanRequest, 'agents'>> = {},
): PlanRequest {
  return {
    objective: 'Ship it.',
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents,
    aliases: {},
    ...given,
  };
}

/** Agents by name, each with the names it depends on: `{ a: [], b: ['a'] }`. */
export function requestOf(
  graph: Readonly<Record<string, readonly string[]>>,
  given: Partial<Omit<PlanRequest, 'agents'>> = {},
): PlanRequest {
  return planRequest(
    Object.entries(graph).map(([name, dependsOn]) => agentRequest({ name, dependsOn })),
    given,
  );
}

/** The session as first stored, not started yet. */
export function created(request: PlanRequest): Change {
  const plan = makePlan(request);
  const suffixes = plan.agents.map((_, index) => index.toString(36).padStart(6, '0'));
  return deepFreeze(createWorkflow(plan, { sessionId, suffixes }, time(0)));
}

/** The session just after it was started. */
export function started(request: PlanRequest): Workflow {
  return deepFreeze(startSession(created(request).next, time(1)).next);
}

export function named(workflow: Workflow, name: string): Agent {
  const agent = workflow.agents.find((candidate) => candidate.name === name);
  assert.ok(agent, `no agent ${name}`);
  return agentOf(workflow, agent.id);
}

export function start(workflow: Workflow, names: readonly string[], at = time(2)): Change {
  const starts = names.map((name) => named(workflow, name).id);
  return deepFreeze(startAgents(workflow, starts, at));
}

export function settle(workflow: Workflow, name: string, outcome: AgentOutcome, at = time(3)): Change {
  const report = { outcome, usage: null, conversation: null };
  return deepFreeze(settleAgent(workflow, named(workflow, name).id, report, at));
}

export const location = { kind: 'local', label: 'process 1', data: { pid: 1 } };

export const failure: AgentFailure = {
  kind: 'exit_code',
  message: 'It exited with status 3.',
  stderrTail: 'boom',
};

export const outcomes = {
  completed: { state: 'completed', result: 'Done.' },
  failed: { state: 'failed', failure, result: null },
  cancelled: { state: 'cancelled', reason: 'It was asked to stop.' },
  resumable: { state: 'resumable', reason: 'MAOS exited.' },
} as const satisfies Record<string, AgentOutcome>;

/** Agents' states in plan order. */
export function statesOf(workflow: Workflow): readonly string[] {
  return workflow.agents.map((agent) => agent.state);
}

/** Events as 'type' or 'type name', phases by number. */
export function told(change: Change): readonly string[] {
  return change.events.map((event) => {
    if (event.agentId !== null) return `${event.type} ${agentOf(change.next, event.agentId).name}`;
    return 'phase' in event.data ? `${event.type} ${event.data.phase}` : event.type;
  });
}

/** Phases' states in order. */
export function phasesOf(workflow: Workflow): readonly string[] {
  return workflow.phases.map((phase) => phase.state);
}

/** The names of the agents that may start now. */
export function ready(workflow: Workflow, now = time(10)): readonly string[] {
  return decideStarts(workflow.session, workflow.agents, now).start.map((agent) => agent.name);
}

/** The error that `action` throws, checked to have this code. */
export function thrownBy(code: ErrorCode, action: () => unknown): MaosError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof MaosError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`nothing was thrown, expected ${code}`);
}

/** Freezes the value and everything it contains, so that changes throw. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SessionStore } from '../../../src/application/ports/session-store.ts';
import { specDefaults } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { type InstanceId, makeInstanceId, makeSessionId, type SessionId } from '../../../src/domain/ids.ts';
import { type AgentRequest, makePlan, type PlanRequest } from '../../../src/domain/plan.ts';
import { startAgents } from '../../../src/domain/running-agents.ts';
import { startSession } from '../../../src/domain/session-life.ts';
import { type Change, createWorkflow } from '../../../src/domain/workflow.ts';
import { makeIdSource } from '../../../src/infrastructure/ids.ts';
import { openSessionStore } from '../../../src/infrastructure/sqlite/session-store.ts';

/** Data for the storage tests: real plans and changes of the domain. */

const ids = makeIdSource();
export const project = { hash: 'a'.repeat(64), path: '/home/someone/project' };
export const at = '2026-03-01T10:00:00.000Z';
export const later = '2026-03-01T10:00:05.250Z';

export function instanceId(): InstanceId {
  return makeInstanceId(ids.ulid());
}

export function sessionId(): SessionId {
  return makeSessionId(ids.ulid());
}

/** A folder that is removed after the test. */
export function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store in its own folder, closed and removed after the test. */
export function tempStore(
  t: TestContext,
  file = join(tempFolder(t), 'project.db'),
): SessionStore & { file: string } {
  // Long, because tests that compete with other processes have nothing else to do.
  const store = openSessionStore({ file, project, busyTimeoutMs: 5_000 });
  t.after(() => store.close());
  return Object.assign(store, { file });
}

export function agentRequest(overrides: Partial<AgentRequest> = {}): AgentRequest {
  return {
    ...specDefaults,
    role: { name: 'backend_engineer', custom: null },
    task: 'Write it.',
    name: null,
    dependsOn: [],
    stage: null,
    backend: 'claude',
    model: null,
    instanceSuffix: null,
    timeoutMs: 1_800_000,
    maxMemoryMb: 2048,
    budget: noBudget,
    ...overrides,
  };
}

export function planRequest(overrides: Partial<PlanRequest> = {}): PlanRequest {
  return {
    objective: 'Make it work.',
    strategy: 'sequential',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents: [agentRequest(), agentRequest({ role: { name: 'qa', custom: null } }), agentRequest()],
    aliases: {},
    ...overrides,
  };
}

/** A new session, by default of three agents in sequence. */
export function created(overrides: Partial<PlanRequest> = {}, id: SessionId = sessionId()): Change {
  const plan = makePlan(planRequest(overrides));
  const suffixes = plan.agents.map(() => ids.suffix());
  return createWorkflow(plan, { sessionId: id, suffixes }, at);
}

/** The session with its first agent running. */
export function started(created: Change): Change {
  const running = startSession(created.next, at);
  const first = running.next.agents[0];
  if (first === undefined) throw new Error('the sample has no agent');
  const change = startAgents(running.next, [first.id], later);
  return { next: change.next, events: [...running.events, ...change.events] };
}

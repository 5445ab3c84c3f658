import { join } from 'node:path';
import type { Lease } from '../src/application/ports/ownership.ts';
import type { SessionStore } from '../src/application/ports/session-store.ts';
import { specDefaults } from '../src/domain/agent.ts';
import { noBudget } from '../src/domain/budget.ts';
import { type InstanceId, makeInstanceId, makeSessionId, type SessionId } from '../src/domain/ids.ts';
import { type AgentRequest, makePlan, type Plan } from '../src/domain/plan.ts';
import { startAgents } from '../src/domain/running-agents.ts';
import { finishSession, startSession } from '../src/domain/session-life.ts';
import { settleAgent } from '../src/domain/settle-agent.ts';
import { type Change, createWorkflow, type Workflow } from '../src/domain/workflow.ts';
import { ensureProjectFolder, workspaceHash } from '../src/infrastructure/files/home/home.ts';
import { makeIdSource } from '../src/infrastructure/ids.ts';
import { projectMigrations } from '../src/infrastructure/sqlite/migrations.ts';
import { openDatabase } from '../src/infrastructure/sqlite/open-database.ts';
import { putHeartbeat, releaseSession } from '../src/infrastructure/sqlite/session-ownership.ts';
import { appendEvents, insertWorkflow } from '../src/infrastructure/sqlite/workflow-writer.ts';
import type { Workplace } from './workplace.ts';

const ids = makeIdSource();
const insertProject =
  'INSERT INTO projects (hash, path, created_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING';

/**
 * Stores completed sessions of three agents with all their events, in one transaction of the real store.
 * @returns their ids
 */
export function storeSessions(
  place: Pick<Workplace, 'home' | 'project'>,
  count: number,
): readonly SessionId[] {
  const hash = workspaceHash(place.project);
  const file = join(ensureProjectFolder(place.home, hash), 'project.db');
  const db = openDatabase({ file, migrations: projectMigrations, synchronous: 'NORMAL' });
  try {
    const owner = makeInstanceId(ids.ulid());
    const stored = db.write(() => {
      const at = new Date().toISOString();
      putHeartbeat(db, owner, at);
      db.sql(insertProject).run(hash, place.project, at);
      return Array.from({ length: count }, (_, index) => storeOne(index, owner));
    });
    for (const sessionId of stored) releaseSession(db, { sessionId, owner, epoch: 1 });
    return stored;
  } finally {
    db.close();
  }

  function storeOne(index: number, owner: InstanceId): SessionId {
    const { next, events } = completed(samplePlan(index), index);
    insertWorkflow(db, next, hash, owner);
    appendEvents(db, next.session.id, events);
    return next.session.id;
  }
}

/**
 * Stores a session whose first agent is running, owned by an instance with a current heartbeat.
 * @param index different from those of the project's other sessions
 */
export function storeRunning(
  store: Pick<SessionStore, 'create'>,
  index: number,
): { readonly lease: Lease; readonly workflow: Workflow } {
  const at = new Date().toISOString();
  const created = create(samplePlan(index), index, at);
  const started = startSession(created.next, at);
  const running = startAgents(
    started.next,
    started.next.agents.slice(0, 1).map(({ id }) => id),
    at,
  );
  const events = [created, started, running].flatMap((change) => change.events);
  const lease = store.create({ next: running.next, events }, makeInstanceId(ids.ulid()));
  return { lease, workflow: running.next };
}

function samplePlan(index: number): Plan {
  return planOf(
    `Add rate limiting to the public endpoints of service ${index}, with tests and a page in the guide.`,
    [
      agentOf('api_architect', 'Decide on the limits and headers; write them down in shared context.'),
      agentOf('backend_engineer', 'Implement the decision in the gateway, with unit tests.'),
      agentOf('reviewer', 'Review the change for correctness under load; list what must be fixed.'),
    ],
  );
}

export function agentOf(role: string, task: string, more: Partial<AgentRequest> = {}): AgentRequest {
  return {
    ...specDefaults,
    role: { name: role, custom: null },
    task,
    name: null,
    dependsOn: [],
    stage: null,
    backend: 'claude',
    model: null,
    instanceSuffix: null,
    timeoutMs: 1_800_000,
    maxMemoryMb: 2_048,
    budget: noBudget,
    ...more,
  };
}

export function planOf(
  objective: string,
  agents: readonly AgentRequest[],
  strategy: 'parallel' | 'sequential' = 'sequential',
): Plan {
  return makePlan({
    objective,
    strategy,
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents,
    aliases: {},
  });
}

/** The plan, run to its end agent by agent. */
function completed(plan: Plan, index: number): Change {
  const start = Date.now();
  let seconds = 0;
  const now = (): string => new Date(start + 1_000 * seconds++).toISOString();
  const created = create(plan, index, now());
  const events = [...created.events];
  let { next } = created;
  const take = (change: Change | null): void => {
    if (change === null) throw new Error('The sample session does not end.');
    events.push(...change.events);
    next = change.next;
  };
  take(startSession(next, now()));
  for (const { id, name } of next.agents) {
    take(startAgents(next, [id], now()));
    const usage = {
      inputTokens: 12_000,
      outputTokens: 1_800,
      cacheReadTokens: 90_000,
      cacheWriteTokens: 7_000,
      turns: 14,
      costUsd: 0.31,
    };
    const outcome = {
      state: 'completed',
      result: `${name}: done as asked; see the shared context for what was decided.`,
    } as const;
    take(settleAgent(next, id, { outcome, usage, conversation: null }, now()));
  }
  take(finishSession(next, now()));
  return { next, events };
}

export function create(plan: Plan, index: number, at: string): Change {
  // Not random: with so many sessions of the same shape, random suffixes would collide in every fifteenth run.
  const suffixes = plan.agents.map(() => index.toString(36).padStart(6, '0'));
  return createWorkflow(plan, { sessionId: makeSessionId(ids.ulid()), suffixes }, at);
}

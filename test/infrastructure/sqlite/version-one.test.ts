import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { noBudget } from '../../../src/domain/budget.ts';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import type { AgentId, SessionId } from '../../../src/domain/ids.ts';
import { retryWorkflow } from '../../../src/domain/retry.ts';
import { startAgents } from '../../../src/domain/running-agents.ts';
import { finishSession } from '../../../src/domain/session-life.ts';
import { settleAgent } from '../../../src/domain/settle-agent.ts';
import { eventHash } from '../../../src/infrastructure/sqlite/event-hash.ts';
import { projectMigrations } from '../../../src/infrastructure/sqlite/migrations.ts';
import { at, instanceId, later, project, tempFolder, tempStore } from './samples.ts';

const failedSession = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYA' as SessionId;
const pausedSession = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYB' as SessionId;
const done = 'agent_qa_1_aaaaaa' as AgentId;
const broken = 'agent_qa_2_bbbbbb' as AgentId;

/** The hashes are those of the log, regardless of what wrote the events. */
const created: RecordedEvent = {
  seq: 1,
  type: 'session.created',
  sessionId: failedSession,
  agentId: null,
  at,
  data: {
    objective: 'Old.',
    strategy: 'sequential',
    failurePolicy: 'continue',
    onExit: 'stop',
    agents: [
      { id: done, name: 'first', role: 'qa', phase: 0, dependsOn: [] },
      { id: broken, name: 'second', role: 'qa', phase: 1, dependsOn: ['first'] },
    ],
  },
};

/** A database of the first release: its schema, and rows written by its statements. */
function versionOne(file: string): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = wal');
  db.exec(projectMigrations[0]?.sql ?? assert.fail());
  db.exec('PRAGMA user_version = 1');
  db.exec(`
    INSERT INTO projects VALUES ('${project.hash}', '${project.path}', '${at}');
    INSERT INTO owners VALUES ('inst_01K0ABCDEFGHJKMNPQRSTVWXYZ', '${at}');
    INSERT INTO sessions (id, project_hash, state, strategy, failure_policy, on_exit, max_concurrency, depth, pause_reason,
        created_at, started_at, ended_at, owner_id, owner_epoch, desired, desired_reason, objective) VALUES
      ('${failedSession}', '${project.hash}', 'failed', 'sequential', 'continue', 'stop', 2, 0, NULL,
        '${at}', '${at}', '${later}', NULL, 1, NULL, NULL, 'Old.'),
      ('${pausedSession}', '${project.hash}', 'paused', 'parallel', 'fail_fast', 'keep', NULL, 1, 'interrupted',
        '${at}', '${at}', NULL, 'inst_01K0ABCDEFGHJKMNPQRSTVWXYZ', 3, 'cancelled', 'Enough.', 'Older.');
    INSERT INTO agents (id, session_id, position, state, usage_input_tokens, usage_output_tokens, usage_cache_read_tokens,
        usage_cache_write_tokens, usage_turns, usage_cost_usd, phase, attempt, name, role, role_custom, ordinal, instance,
        backend, command, workspace, timeout_ms, max_memory_mb, conversation, started_at, ended_at, failure_kind,
        failure_message, failure_stderr_tail, result, task) VALUES
      ('${done}', '${failedSession}', 0, 'completed', 1, 2, 3, 4, 5, 0.25, 0, 1, 'first', 'qa', NULL, 1, 'qa_1',
        'claude', NULL, 'project', 60000, 512, 'c1', '${at}', '${later}', NULL, NULL, NULL, 'Found two.', 'Look.'),
      ('${broken}', '${failedSession}', 1, 'failed', NULL, NULL, NULL, NULL, NULL, NULL, 1, 2, 'second', 'qa',
        '{"description":"Odd.","responsibilities":["x"]}', 2, 'qa_2', 'command', '["false"]', 'own', 60000, 512, NULL,
        '${at}', '${later}', 'exit_code', 'It exited with status 1.', 'boom', NULL, 'Mend.'),
      ('agent_qa_1_cccccc', '${pausedSession}', 0, 'resumable', NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 'only', 'qa', NULL,
        1, 'qa_1', 'claude', NULL, 'project', 60000, 512, 'c2', '${at}', '${later}', NULL, NULL, NULL, NULL, 'Wait.');
    INSERT INTO agent_dependencies VALUES ('${broken}', '${done}');
    INSERT INTO phases VALUES ('${failedSession}', 0, 'completed'), ('${failedSession}', 1, 'failed'),
      ('${pausedSession}', 0, 'running');
  `);
  db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)').run(
    failedSession,
    created.seq,
    created.type,
    created.agentId,
    created.at,
    eventHash('', created),
    JSON.stringify(created.data),
  );
  db.close();
}

describe('a database of the first release', () => {
  it('opens, and gives back everything it held, without caps', (t) => {
    const file = join(tempFolder(t), 'project.db');
    versionOne(file);
    const store = tempStore(t, file);
    const { session, agents, phases } = store.load(failedSession);
    assert.deepEqual(session, {
      id: failedSession,
      objective: 'Old.',
      strategy: 'sequential',
      failurePolicy: 'continue',
      onExit: 'stop',
      limits: { maxConcurrency: 2, maxAgentsPerRole: null },
      budget: noBudget,
      depth: 0,
      parent: null,
      folder: null,
      approvals: null,
      repository: null,
      verify: null,
      land: null,
      landing: null,
      idempotency: null,
      state: 'failed',
      pauseReason: null,
      resumeAt: null,
      createdAt: at,
      startedAt: at,
      endedAt: later,
      inactiveMs: 0,
    });
    const newFields = {
      ...{ budget: noBudget, usageBefore: null, carried: null, resumed: null, notBefore: null, postponed: 0 },
      ...{
        inactiveMs: 0,
        lingering: null,
        denials: null,
        subagents: 0,
        stdin: null,
        stage: null,
        where: null,
        backends: null,
        maxSubagents: null,
        pool: null,
        rerunOnLost: null,
        reruns: null,
        worktree: null,
        verify: null,
        lands: null,
        work: null,
        proof: null,
      },
    };
    const [first, second] = agents;
    assert.deepEqual(first, {
      ...newFields,
      id: done,
      sessionId: failedSession,
      name: 'first',
      role: { name: 'qa', custom: null },
      ordinal: 1,
      instance: 'qa_1',
      task: 'Look.',
      backend: 'claude',
      command: null,
      model: null,
      workspace: 'project',
      timeoutMs: 60_000,
      maxMemoryMb: 512,
      phase: 0,
      dependsOn: [],
      state: 'completed',
      attempt: 1,
      failure: null,
      result: 'Found two.',
      usage: {
        inputTokens: 1,
        outputTokens: 2,
        cacheReadTokens: 3,
        cacheWriteTokens: 4,
        turns: 5,
        costUsd: 0.25,
      },
      conversation: 'c1',
      startedAt: at,
      endedAt: later,
    });
    assert.deepEqual(
      [second?.dependsOn, second?.command, second?.role.custom?.description, second?.failure],
      [
        [done],
        ['false'],
        'Odd.',
        { kind: 'exit_code', message: 'It exited with status 1.', stderrTail: 'boom' },
      ],
    );
    assert.deepEqual(
      phases.map(({ state }) => state),
      ['completed', 'failed'],
    );
    assert.deepEqual(store.events(failedSession, 0, 10), [created]);
    assert.deepEqual(
      store.list({ limit: 5 }).map((summary) => [summary.session.id, summary.progress.total]),
      [
        [pausedSession, 1],
        [failedSession, 2],
      ],
    );
  });

  for (const [spawned, stage] of [
    [2, 'executing'],
    [1, 'preparing'],
  ] as const) {
    it(`knows that an agent in attempt 2 is ${stage} when attempt ${spawned} was the last with a process`, (t) => {
      const file = join(tempFolder(t), 'project.db');
      versionOne(file);
      const db = new DatabaseSync(file);
      const id = 'agent_qa_1_cccccc';
      db.prepare(`UPDATE agents SET state = 'running', attempt = 2, ended_at = NULL WHERE id = ?`).run(id);
      db.prepare(`INSERT INTO events VALUES (?, 1, 'agent.spawned', ?, ?, '', ?)`).run(
        pausedSession,
        id,
        at,
        JSON.stringify({ name: 'only', attempt: spawned, where: {} }),
      );
      db.close();
      const store = tempStore(t, file);
      assert.equal(store.load(pausedSession).agents[0]?.stage, stage);
      assert.deepEqual(
        store.load(failedSession).agents.map((agent) => agent.stage),
        [null, null],
      );
    });
  }

  it('keeps leases and what was asked for', (t) => {
    const file = join(tempFolder(t), 'project.db');
    versionOne(file);
    const store = tempStore(t, file);
    const holder = store.ownerOf(pausedSession) ?? assert.fail();
    assert.deepEqual(store.requestsFor(holder), [
      { sessionId: pausedSession, agentId: null, desired: 'cancelled', reason: 'Enough.' },
    ]);
    assert.equal(store.acquire(pausedSession, instanceId(), { staleBefore: at }), null);
    assert.equal(store.acquire(pausedSession, instanceId(), { staleBefore: later })?.epoch, 4);
  });

  it('goes on where it was: a failed session is retried, its log continued', (t) => {
    const file = join(tempFolder(t), 'project.db');
    versionOne(file);
    const store = tempStore(t, file);
    const lease = store.acquire(failedSession, instanceId(), { staleBefore: at }) ?? assert.fail();
    let now = store.load(failedSession);
    const report = {
      outcome: { state: 'completed', result: 'Mended.' },
      usage: null,
      conversation: null,
    } as const;
    for (const step of [
      () => retryWorkflow(now, null, later),
      () => startAgents(now, [broken], later),
      () => settleAgent(now, broken, report, later),
      () => finishSession(now, later) ?? assert.fail(),
    ]) {
      const change = step();
      store.commit(lease, now, change);
      now = change.next;
    }
    assert.deepEqual(store.load(failedSession), now);
    assert.equal(now.session.state, 'completed');
    const events = store.events(failedSession, 0, 100);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index + 1),
    );
    const db = new DatabaseSync(file);
    t.after(() => db.close());
    const rows = db.prepare('SELECT hash FROM events WHERE session_id = ? ORDER BY seq').all(failedSession);
    let hash = '';
    assert.deepEqual(
      rows.map((row) => row.hash),
      events.map((event) => {
        hash = eventHash(hash, event);
        return hash;
      }),
    );
  });

  it('keeps the new columns of what is stored from now on', (t) => {
    const file = join(tempFolder(t), 'project.db');
    versionOne(file);
    const store = tempStore(t, file);
    const lease = store.acquire(pausedSession, instanceId(), { staleBefore: later }) ?? assert.fail();
    const before = store.load(pausedSession);
    const [agent = assert.fail()] = before.agents;
    const budget = { maxTokens: 5, maxCostUsd: 0.5, maxTurns: null, maxWallMs: 10 };
    const usageBefore = {
      inputTokens: 1,
      outputTokens: 1,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      turns: 1,
      costUsd: null,
    };
    const lingering = { background: ['build'], until: later };
    const denials = { count: 2, shown: ['Bash: git push'] };
    const changed = {
      ...agent,
      budget,
      usageBefore,
      resumed: 'c2',
      notBefore: later,
      postponed: 2,
      lingering,
      denials,
      subagents: 4,
    };
    const next = { ...before, session: { ...before.session, budget }, agents: [changed] };
    store.commit(lease, before, { next, events: [] });
    assert.deepEqual(store.load(pausedSession), next);
  });
});

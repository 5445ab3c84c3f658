import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { Checkpoint } from '../../../src/application/ports/maintenance.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import type { AgentId } from '../../../src/domain/ids.ts';
import type { Session } from '../../../src/domain/session.ts';
import { parseCheckpoint } from '../../../src/infrastructure/files/session/checkpoint-shape.ts';
import { migrate } from '../../../src/infrastructure/sqlite/migrate.ts';
import { projectMigrations } from '../../../src/infrastructure/sqlite/migrations.ts';
import { json, option, table, text } from '../../../src/infrastructure/sqlite/table.ts';
import {
  acpRunTable,
  agentTable,
  artifactTable,
  eventTable,
  phaseTable,
  sessionTable,
} from '../../../src/infrastructure/sqlite/tables.ts';
import { at, created, instanceId, later, tempStore } from './samples.ts';

const usage = {
  ...{ inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 },
  ...{ turns: 5, costUsd: 0.25 },
};
const commit = 'c'.repeat(40);
const verify = { commands: ['npm test'], timeoutMs: 60_000, fixRounds: 1, protect: ['test/**'] };
const report = {
  ...{ check: 1, command: 'npm test', commit, exitCode: 1, signal: null, reason: 'It was ended.' },
  ...{ startedAt: at, endedAt: later, logSha256: 'a'.repeat(64), logBytes: 9, restored: ['test/a'] },
};
const budget = { maxTokens: 10, maxCostUsd: 1.5, maxTurns: null, maxWallMs: 60_000 };

/** A session without empty fields, as far as the constraints allow. */
function everything(): {
  session: Session;
  agents: readonly Agent[];
  phases: Checkpoint['workflow']['phases'];
} {
  const { next } = created();
  const [first = assert.fail(), second = assert.fail(), third = assert.fail()] = next.agents;
  const full: Agent = {
    ...first,
    role: {
      name: 'qa',
      custom: {
        description: 'Odd.',
        responsibilities: ['x'],
        file: { path: '/roles/qa.md', prompt: 'Look.', tools: ['Read'], deniedTools: [] },
      },
    },
    command: ['node', 'x.mjs'],
    model: 'opus',
    budget,
    state: 'failed',
    attempt: 2,
    failure: { kind: 'exit_code', message: 'It exited with status 1.', stderrTail: 'boom' },
    result: 'Half of it.',
    lingering: { background: ['build'], until: later },
    denials: { count: 2, shown: ['Bash: git push'] },
    subagents: 4,
    usage,
    usageBefore: usage,
    carried: usage,
    resumed: 'c1',
    conversation: 'c2',
    notBefore: later,
    postponed: 3,
    startedAt: at,
    endedAt: later,
    workspace: 'worktree',
    pool: 'gpu',
    rerunOnLost: 2,
    reruns: 1,
    worktree: { copy: ['.env'], link: ['node_modules'], setup: 'npm ci', ports: 2 },
    verify,
    lands: { sessionId: next.session.id, agentId: second.id },
    backends: [{ backend: 'claude', model: 'opus', until: later }],
    maxSubagents: 3,
    work: {
      branch: 'maos/s/a',
      base: 'b'.repeat(40),
      commit,
      diff: { files: 1, insertions: 2, deletions: 3 },
    },
    proof: {
      ...{ isDue: true, checks: 1, command: 0, round: 1, ranMs: 5 },
      subject: { commit, restored: ['test/a'] },
      runningSince: at,
      failed: { report, outputTail: 'not ok' },
    },
  };
  const session: Session = {
    ...next.session,
    limits: { maxConcurrency: 2, maxAgentsPerRole: 1 },
    budget,
    depth: 1,
    parent: { sessionId: next.session.id, agentId: first.id, onEnd: 'keep' },
    folder: '/home/someone/project/part',
    state: 'paused',
    pauseReason: 'quota',
    resumeAt: later,
    startedAt: at,
    approvals: 'all',
    repository: { commit, branch: 'main' },
    verify,
    land: 'auto',
    landing: { sessionId: next.session.id, target: 'main', squash: true },
  };
  return { session, agents: [full, { ...second, command: 'echo hello' }, third], phases: next.phases };
}

function checkpointOf(workflow: Checkpoint['workflow']): string {
  const lastEvent = { seq: 1, hash: 'a'.repeat(64) };
  return JSON.stringify({ version: 1, at, reason: 'phase', lastEvent, workflow });
}

/** `value` with the part at the path replaced. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy: Record<string, unknown> = structuredClone(value) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return Array.isArray(value) ? Object.values(copy) : copy;
}

describe('the declaration of the tables', () => {
  it('names every column there is, but for those that other statements write', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, projectMigrations, 'project.db');
    const undeclared = (name: string, { columns }: { columns: string }): unknown => {
      const declared = columns.split(', ');
      const there = db
        .prepare('SELECT name FROM pragma_table_info(?)')
        .all(name)
        .map((row) => String(row.name));
      assert.deepEqual(
        declared.filter((column) => !there.includes(column)),
        [],
        name,
      );
      return there.filter((column) => !declared.includes(column));
    };
    assert.deepEqual(
      {
        sessions: undeclared('sessions', sessionTable),
        agents: undeclared('agents', agentTable),
        phases: undeclared('phases', phaseTable),
        events: undeclared('events', eventTable),
        artifacts: undeclared('artifacts', artifactTable),
        acp_runs: undeclared('acp_runs', acpRunTable),
      },
      {
        sessions: ['project_hash', 'owner_id', 'owner_epoch', 'desired', 'desired_reason', 'exiting'],
        agents: ['position', 'desired', 'desired_reason'],
        phases: ['session_id'],
        events: ['place', 'hash'],
        artifacts: ['session_id', 'revision'],
        acp_runs: ['session_id'],
      },
    );
    db.close();
  });

  it('gives back every field as it was stored', (t) => {
    const store = tempStore(t);
    const change = created();
    const lease = store.create(change, instanceId());
    const { session, agents, phases } = everything();
    const ids = change.next.agents;
    const next = {
      session: { ...session, id: lease.sessionId },
      agents: agents.map((agent, index) => ({
        ...agent,
        id: ids[index]?.id ?? assert.fail(),
        sessionId: lease.sessionId,
        dependsOn: ids[index]?.dependsOn ?? assert.fail(),
      })),
      phases,
    };
    store.commit(lease, change.next, { next, events: [] });
    assert.deepEqual(store.load(lease.sessionId), next);
  });
});

describe('a field that is an option', () => {
  interface Named {
    readonly id: string;
    readonly nickname: string | null;
    readonly tools: readonly string[] | null;
  }
  const named = table<Named>(
    { id: text('id'), nickname: option(text('nickname')), tools: option(json<readonly string[]>('tools')) },
    (row) => `Agent ${row.id}`,
    'options',
  );

  function open(): { db: DatabaseSync; read: () => Named; sql: (text: string) => void } {
    const db = new DatabaseSync(':memory:');
    db.exec('CREATE TABLE agents (id TEXT PRIMARY KEY, options TEXT CHECK (json_valid(options))) STRICT');
    const read = () =>
      named.fromSql(db.prepare(`SELECT ${named.columns} FROM agents`).get() ?? assert.fail('no row'));
    return { db, read, sql: (line) => db.exec(line) };
  }

  it('needs no column of its own, and is null in rows from before it', () => {
    const { db, read, sql } = open();
    assert.equal(named.columns, 'id, options');
    const ace = { id: 'a', nickname: 'Ace', tools: ['Read'] };
    db.prepare(`INSERT INTO agents (${named.columns}) VALUES (${named.placeholders})`).run(
      ...named.toSql(ace),
    );
    assert.deepEqual(read(), ace);
    sql('UPDATE agents SET options = NULL');
    assert.deepEqual(read(), { id: 'a', nickname: null, tools: null });
    sql(`UPDATE agents SET options = '{"nickname":"Bo"}'`);
    assert.deepEqual(read(), { id: 'a', nickname: 'Bo', tools: null });
    db.close();
  });

  it('of another version stays when the row is written', () => {
    const { db, sql, read } = open();
    sql(`INSERT INTO agents VALUES ('a', '{"nickname":"Ace","colour":"red"}')`);
    db.prepare(`UPDATE agents SET ${named.assignments}`).run(...named.toSql(read()));
    const row = db.prepare('SELECT options FROM agents').get();
    assert.deepEqual(JSON.parse(String(row?.options)), { nickname: 'Ace', colour: 'red' });
    db.close();
  });

  it('that cannot be read is told with the record it belongs to', () => {
    assert.throws(() => named.fromSql({ id: 'a', options: '{' }), {
      code: 'STORE_CORRUPT',
      message: /^Agent a is not valid JSON/,
    });
  });
});

describe('a checkpoint', () => {
  it('is read as it was written, with every field', () => {
    const workflow = everything();
    assert.deepEqual(parseCheckpoint(checkpointOf(workflow), '0001.json').workflow, workflow);
  });

  it('of an earlier version lacks what was added since', () => {
    const workflow = everything();
    const {
      folder: _,
      parent: ____,
      repository: r,
      verify: v,
      land: l,
      landing: g,
      ...session
    } = workflow.session;
    const agents = workflow.agents.map(
      ({
        lingering: __,
        denials: ___,
        subagents: _____,
        worktree: w,
        verify: v,
        lands: l,
        work: k,
        proof: p,
        ...agent
      }) => agent,
    );
    const old = { ...workflow, session, agents } as unknown as Checkpoint['workflow'];
    const read = parseCheckpoint(checkpointOf(old), '0001.json').workflow;
    const { folder, parent, repository, verify, land, landing } = read.session;
    assert.deepEqual([folder, parent, repository, verify, land, landing], Array(6).fill(null));
    assert.deepEqual(
      read.agents.map(({ lingering, denials, subagents }) => [lingering, denials, subagents]),
      read.agents.map(() => [null, null, 0]),
    );
    assert.deepEqual(
      read.agents.map(({ worktree, verify, lands, work, proof }) => [worktree, verify, lands, work, proof]),
      read.agents.map(() => Array(5).fill(null)),
    );
  });

  const fields = everything();
  const places = [
    ...Object.keys(fields.session).map((key) => ['session', key]),
    ...Object.keys(fields.agents[0] ?? {}).map((key) => ['agents', '0', key]),
    ['phases', '0', 'state'],
    ['agents', '0', 'usage', 'turns'],
    ['agents', '0', 'role', 'custom', 'file', 'tools'],
  ];
  for (const place of places) {
    it(`is refused with a wrong value at ${place.join('.')}`, () => {
      const workflow = replaced(everything(), place, { wrong: true }) as Checkpoint['workflow'];
      assert.throws(
        () => parseCheckpoint(checkpointOf(workflow), '0001.json'),
        new RegExp(`is not a checkpoint: .workflow\\.${place.join('\\.')}`),
      );
    });
  }

  it('is refused with an id that would be a path, a name that would, or a field nobody knows', () => {
    for (const [place, value, why] of [
      [['session', 'id'], '../../etc', 'is not a session id'],
      [['agents', '0', 'id'], '../x' as AgentId, 'is not an agent id'],
      [['agents', '0', 'dependsOn'], ['../x'], 'is not an agent id'],
      [['agents', '0', 'name'], '../x', 'is not a valid agent name'],
      [['session', 'folder'], 'relative', 'is not an absolute path'],
      [['agents', '0', 'colour'], 'red', 'colour'],
    ] as const) {
      const workflow = replaced(everything(), place, value) as Checkpoint['workflow'];
      assert.throws(() => parseCheckpoint(checkpointOf(workflow), '0001.json'), new RegExp(why));
    }
  });
});

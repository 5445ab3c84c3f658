import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import { projectMigrations } from '../../src/infrastructure/sqlite/migrations.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

/** The files of maos 0.1.0; test/fixtures/first-release/README.md explains how they were created. */
const fixture = fileURLToPath(new URL('../fixtures/first-release/home.tar.gz', import.meta.url));

const ids = {
  team: 'sess_01M8E4T2DWG789544TEDDCKFJZ',
  broken: 'sess_01M8E4T4XZ0FT42AGCFP8R97BQ',
  waiting: 'sess_01M8E4T7K8411X1WMWCJH5RJ22',
  costly: 'sess_01M8E4TC4FQ6MXYXE6G3J8G6FA',
  paused: 'sess_01M8E4TMT0NEPSJCC8P87KTKQJ',
  settled: 'sess_01M8E4TTABNQ8K6CAPEXA5M8NQ',
  killed: 'sess_01M8E4VVERYKQKH5NFF7YPJET4',
} as const;

interface Status {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly {
    readonly name: string;
    readonly state: string;
    readonly result: string | null;
    readonly failure?: { readonly kind: string; readonly message: string };
    readonly budget?: unknown;
  }[];
}

interface Event {
  readonly seq: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Replaces a new home with the old one, and moves its project to this test's folder. */
function unpack(maos: MaosFolder): string {
  const folder = join(maos.home, 'projects', workspaceHash(maos.project));
  const unpacked = join(maos.home, 'unpacked');
  mkdirSync(unpacked, { recursive: true });
  const tar = spawnSync('tar', ['-xzf', fixture, '-C', unpacked], { encoding: 'utf8' });
  assert.equal(tar.status, 0, tar.stderr);
  cpSync(join(unpacked, 'project'), folder, { recursive: true });
  cpSync(join(unpacked, 'instances.db'), join(maos.home, 'instances.db'));
  rmSync(unpacked, { recursive: true });
  const db = new DatabaseSync(join(folder, 'project.db'), { enableForeignKeyConstraints: false });
  const hash = workspaceHash(maos.project);
  db.prepare('UPDATE projects SET hash = ?, path = ?').run(hash, maos.project);
  db.prepare('UPDATE sessions SET project_hash = ?').run(hash);
  db.close();
  return folder;
}

describe('the home of the first release', () => {
  let maos: MaosFolder;
  let folder: string;
  before(async () => {
    maos = await MaosFolder.make();
    folder = unpack(maos);
  });
  after(() => maos.remove());

  /** Allows the notice on stderr that it has started another maos for sessions without an owner. */
  async function json<T>(...args: readonly string[]): Promise<T> {
    const { status, stdout, stderr } = await maos.run(...args, '--json');
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }
  const status = (id: string) => json<Status>('status', id);
  async function events(id: string): Promise<readonly Event[]> {
    const { stdout } = await maos.run('events', id, '--json');
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  it('is listed, with the states its sessions had', async () => {
    const { sessions } = await json<{ sessions: readonly Status[] }>('list');
    assert.deepEqual(
      sessions.map(({ session_id }) => session_id),
      Object.values(ids).toReversed(),
    );
    const states = Object.fromEntries(sessions.map(({ session_id, state }) => [session_id, state]));
    assert.deepEqual(
      [ids.team, ids.broken, ids.waiting, ids.costly, ids.paused, ids.settled].map((id) => states[id]),
      ['completed', 'failed', 'completed', 'completed', 'paused', 'failed'],
    );
    const db = new DatabaseSync(join(folder, 'project.db'), { readOnly: true });
    const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    db.close();
    assert.equal(user_version, projectMigrations.length, 'migrated');
  });

  it('tells of every agent what became of it', async () => {
    const { agents } = await status(ids.broken);
    assert.deepEqual(
      agents.map(({ name, state, failure }) => [name, state, failure?.kind ?? null]),
      [
        ['good', 'completed', null],
        ['bad', 'failed', 'exit_code'],
        ['after', 'cancelled', 'dependency_failed'],
      ],
    );
    const [model = assert.fail()] = (await status(ids.costly)).agents;
    assert.equal(model.result, 'All is well.');
    assert.deepEqual(model.budget, {
      ...{ tokens: { spent: 900, cap: 1_000 }, turns: { spent: 2, cap: 9 } },
    });
  });

  it('has events that say in parts what they said in a sentence, and the sentence still', async () => {
    const waiting = (await events(ids.waiting)).find(({ type }) => type === 'agent.waiting');
    assert.deepEqual(waiting?.data, {
      ...{ name: 'next', cause: 'session_limit', limit: 1, reason: 'session_limit of 1 at once' },
    });
    const warned = (await events(ids.costly)).find(({ type }) => type === 'budget.warned');
    assert.deepEqual(warned?.data, {
      ...{ name: 'model', item: 'tokens', level: 'warning', spent: 850, limit: 1_000 },
      message: 'tokens: 850 of 1000 (85 % used)',
    });
    const { stdout } = await maos.run('events', ids.waiting);
    assert.match(stdout, /next: waiting: limit of the session reached \(1 at once\)/);
    assert.match(stdout, /slow: .*process \d+/);
  });

  it('shows the report, the output and the files of its sessions', async () => {
    const report = await maos.run('status', ids.team);
    assert.equal(report.status, 0, report.stderr);
    assert.match(report.stdout, /shared\/context\/note\.md/);
    assert.match((await maos.run('logs', ids.team)).stdout, /written[\s\S]*reviewed/);
  });

  for (const name of ['team', 'broken', 'waiting', 'costly'] as const) {
    it(`has a sound log, and exports it: ${name}`, async () => {
      const audit = await maos.run('audit', 'verify', ids[name]);
      assert.equal(audit.status, 0, audit.stdout + audit.stderr);
      const exported = await maos.run('export', ids[name]);
      assert.equal(exported.status, 0, exported.stderr);
      assert.ok(existsSync(join(maos.project, `${ids[name]}.tar.gz`)));
    });
  }

  it('has what was killed settled by the maos that finds it', async () => {
    assert.equal((await maos.run('wait', ids.killed, '--timeout', '60')).status, 1);
    const { state, agents } = await status(ids.killed);
    assert.equal(state, 'failed');
    assert.deepEqual(
      agents.map(({ name, state, failure }) => [name, state, failure?.kind ?? null]),
      [
        ['killed', 'failed', 'lost'],
        ['rest', 'cancelled', 'dependency_failed'],
      ],
    );
    assert.equal((await maos.run('audit', 'verify', ids.killed)).status, 0);
  });

  it('lets its paused session be cancelled, and its failed one be retried', async () => {
    assert.equal((await maos.run('cancel', ids.paused)).status, 0);
    assert.equal((await status(ids.paused)).state, 'cancelled');
    // It fails again, and its log continues.
    assert.equal((await maos.run('retry', ids.broken)).status, 1);
    const seqs = (await events(ids.broken)).map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    );
    assert.equal((await maos.run('audit', 'verify', ids.broken)).status, 0);
  });

  it('is recovered from its files where its database is lost', async () => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `project.db${suffix}`), { force: true });
    for (const name of ['team', 'waiting', 'costly'] as const) {
      assert.ok(readdirSync(join(folder, 'sessions', ids[name], 'checkpoints')).length > 0);
      const { status: exit, stdout, stderr } = await maos.run('recover', ids[name]);
      assert.equal(exit, 0, stderr);
      assert.match(stdout, /\(completed\)/);
      assert.equal((await maos.run('audit', 'verify', ids[name])).status, 0);
    }
    const log = readFileSync(join(folder, 'sessions', ids.waiting, 'session.log'), 'utf8');
    assert.match(log, /"reason":"session_limit of 1 at once"/, 'what was written stays as it was written');
  });
});

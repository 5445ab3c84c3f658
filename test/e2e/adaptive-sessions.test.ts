import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

describe("a session that an earlier maos stored with the strategy 'adaptive'", () => {
  let maos: MaosFolder;
  let id: string;
  const projectFolder = (): string => {
    const projects = join(maos.home, 'projects');
    return join(projects, readdirSync(projects)[0] as string);
  };
  before(async () => {
    maos = await MaosFolder.make();
    assert.equal((await maos.run('run', 'Look.', '--exec', 'one=echo out; test -e mended')).status, 1);
    ({ session_id: id } = await maos.json<{ session_id: string }>('status', 'latest'));
    const db = new DatabaseSync(join(projectFolder(), 'project.db'));
    db.prepare("UPDATE sessions SET strategy = 'adaptive' WHERE id = ?").run(id);
    db.close();
  });
  after(() => maos.remove());

  it('is read by every command', async () => {
    assert.equal((await maos.json('status', id)).strategy, 'adaptive');
    const { sessions } = await maos.json<{ sessions: { strategy: string }[] }>('list');
    assert.deepEqual(
      sessions.map(({ strategy }) => strategy),
      ['adaptive'],
    );
    for (const command of ['status', 'list', 'events', 'logs', 'export --force'])
      assert.equal((await maos.run(...command.split(' '))).status, 0, command);
    const { stdout } = spawnSync('tar', ['-xzOf', join(maos.project, `${id}.tar.gz`), `${id}/session.json`], {
      encoding: 'utf8',
    });
    assert.equal(JSON.parse(stdout).workflow.session.strategy, 'adaptive');
  });

  it('runs again, and is restored from its files', async () => {
    writeFileSync(join(maos.project, 'mended'), '');
    assert.equal((await maos.run('retry', id)).status, 0);
    await maos.run('wait', id);
    const events = jsonLines((await maos.run('events', id, '--json')).stdout);
    assert.ok(events.some(({ type }) => type === 'session.completed'));
    for (const suffix of ['', '-wal', '-shm'])
      rmSync(join(projectFolder(), `project.db${suffix}`), { force: true });
    const back = await maos.run('recover', id, '--only');
    assert.equal(back.status, 0, back.stderr);
    assert.equal((await maos.json('status', id)).strategy, 'adaptive');
  });

  it('cannot be asked for any more, and the error says why', async () => {
    const { status, stderr } = await maos.run('run', 'Look.', '--exec', 'a=true', '--strategy', 'adaptive');
    assert.equal(status, 2);
    assert.match(stderr, /parallel, sequential, pipeline/);
    const plan = { objective: 'Look.', agents: [{ role: 'qa', task: 'Do.' }], strategy: 'adaptive' };
    const read = await maos.start(['run', '-'], { input: JSON.stringify(plan) }).finished;
    assert.equal(read.status, 2);
    assert.match(read.stderr, /does not plan by itself/);
  });
});

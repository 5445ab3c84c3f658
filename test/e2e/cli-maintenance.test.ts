import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Listed {
  readonly sessions: readonly { readonly session_id: string; readonly state: string }[];
}

describe('maintenance of sessions', () => {
  let maos: MaosFolder;
  let ids: readonly string[];
  before(async () => {
    maos = await MaosFolder.make();
    for (const objective of ['The first.', 'The second.']) {
      await maos.run('run', objective, '-x', 'one=echo out >>ran.txt');
    }
    ids = (await maos.json<Listed>('list')).sessions.map(({ session_id }) => session_id).reverse();
  });
  after(() => maos.remove());

  const projectFolder = (): string => {
    const projects = join(maos.home, 'projects');
    return join(projects, readdirSync(projects)[0] as string);
  };
  const folderOf = (id: string): string => join(projectFolder(), 'sessions', id);

  it('audit verify tells sound from changed, by its exit status', async () => {
    const sound = await maos.run('audit', 'verify', 'latest');
    assert.deepEqual([sound.status, sound.stderr], [0, '']);
    assert.match(sound.stdout, /✓ sess_\w+ is intact: \d+ records verified\.\n {2}last hash [0-9a-f]{64}\n/);
    const log = join(folderOf(ids[1] as string), 'session.log');
    const content = readFileSync(log, 'utf8');
    writeFileSync(log, content.replace('"one"', '"two"'));
    const changed = await maos.run('audit', 'verify', '--json');
    assert.equal(changed.status, 1);
    assert.equal(JSON.parse(changed.stdout).first_bad_seq, 1);
    writeFileSync(log, content);
    assert.equal((await maos.run('audit', 'prove')).status, 2);
    assert.equal((await maos.run('audit', 'verify', 'nothere')).status, 3);
  });

  it('export writes an archive here, once', async () => {
    const { status, stdout } = await maos.run('export', 'latest');
    assert.equal(status, 0);
    const archive = join(maos.project, `${ids[1]}.tar.gz`);
    assert.ok(stdout.startsWith(`${archive}: `));
    const { stdout: list } = spawnSync('tar', ['-tzf', archive], { encoding: 'utf8' });
    assert.match(list, new RegExp(`^${ids[1]}/manifest.json$`, 'm'));
    const again = await maos.run('export', 'latest');
    assert.equal(again.status, 2);
    assert.match(again.stderr, /already exists: choose another name, or use --force/);
    assert.equal((await maos.run('export', '--force', '-o', archive)).status, 0);
    rmSync(archive);
  });

  it('export names what is wrong with a path, and writes to stdout for a dash', async () => {
    const missing = await maos.run('export', '-o', join(maos.project, 'nodir', 'x'));
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /nodir" is not a folder: create it, or choose another with --output\.\n/);
    assert.equal((await maos.run('export', '-o', maos.project, '--force')).status, 2);
    const shell = (line: string) =>
      spawnSync('sh', ['-c', line, process.execPath, bundle], {
        cwd: maos.project,
        env: maos.env,
        encoding: 'utf8',
      });
    const { stdout, stderr } = shell('"$0" "$1" export -o - | tar -tz');
    assert.equal(stderr, '');
    assert.match(stdout, new RegExp(`^${ids[1]}/manifest.json$`, 'm'));
    assert.equal(existsSync(join(maos.project, '-')), false);
    assert.equal((await maos.run('export', '-o', '-', '--json')).status, 2);
    const early = shell('{ "$0" "$1" export -o -; echo "status $?" >&2; } | :');
    assert.equal(early.stderr, 'status 0\n');
  });

  it('recover puts back what a deleted database lost', async () => {
    assert.equal((await maos.run('recover', ids[0] as string)).status, 4, 'it is there');
    for (const suffix of ['', '-wal', '-shm'])
      rmSync(join(projectFolder(), `project.db${suffix}`), { force: true });
    assert.equal((await maos.run('status', ids[0] as string)).status, 4);
    for (const id of ids) {
      const { status, stdout, stderr } = await maos.run('recover', id);
      assert.equal(status, 0, stderr);
      assert.match(
        stdout,
        /was restored \(completed\) from checkpoints\/\d+\.json and \d+ records of session\.log\./,
      );
    }
    const { sessions } = await maos.json<Listed>('list');
    assert.deepEqual(sessions.map(({ session_id }) => session_id).reverse(), ids);
    assert.equal((await maos.run('audit', 'verify', ids[0] as string)).status, 0);
    assert.equal(readFileSync(join(maos.project, 'ran.txt'), 'utf8'), 'out\nout\n', 'nothing ran again');
  });

  it('gc says what would go, then removes it', async () => {
    const kept = await maos.run('gc');
    assert.equal(kept.stdout, `0 sessions (0 B) removed, 2 kept in ${maos.project}.\n`);
    const planned = await maos.run('gc', '--dry-run', '--max-sessions', '1');
    assert.match(planned.stdout, /^SESSION +WHY +ENDED +SIZE\n/);
    assert.match(planned.stdout, new RegExp(`${ids[0]} +over --max-sessions +just now`));
    assert.match(planned.stdout, /\n1 session \([^)]+\) would be removed, 1 kept in .*\.\n$/);
    assert.ok(existsSync(folderOf(ids[0] as string)));
    const done = await maos.json<{
      removed_bytes: number;
      projects: { removed: { session_id: string; reason: string }[] }[];
    }>('gc', '--max-sessions', '1');
    assert.deepEqual(
      done.projects[0]?.removed.map(({ session_id, reason }) => [session_id, reason]),
      [[ids[0], 'count']],
    );
    assert.ok(done.removed_bytes > 0);
    assert.ok(!existsSync(folderOf(ids[0] as string)));
    assert.equal((await maos.run('status', ids[0] as string)).status, 3);
    assert.equal((await maos.run('gc', '--help')).status, 0);
  });
});

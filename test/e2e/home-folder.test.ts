import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { bundle, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { maosFolder } from './http-process.ts';

it('MAOS_HOME keeps its mode when MAOS did not make it, and what is in it is closed', async (t) => {
  const maos = await maosFolder(t);
  mkdirSync(maos.home);
  chmodSync(maos.home, 0o1777);
  const { status, stderr } = await maos.run('run', '-x', 'a=true');
  assert.equal(status, 0, stderr);
  assert.equal(statSync(maos.home).mode & 0o7777, 0o1777);
  assert.equal(statSync(join(maos.home, 'projects')).mode & 0o777, 0o700);
  assert.equal(statSync(join(maos.home, 'instances.db')).mode & 0o777, 0o600);
  const doctor = await maos.run('doctor');
  assert.match(doctor.stdout, /home .*mode 0777\n.*Other users can enter it: run chmod 700/);
});

it('a relative MAOS_HOME is made absolute with a word, for agents too', async (t) => {
  const maos = await maosFolder(t);
  const sub = join(maos.project, 'sub');
  mkdirSync(sub);
  const env = { ...maos.env, MAOS_HOME: 'state' };
  const args = ['run', '-x', 'a=cd sub && printf %s "$MAOS_HOME" > ../seen', '--json'];
  const { status, stderr } = await maos.start(args, { env }).finished;
  assert.equal(status, 0, stderr);
  const home = join(maos.project, 'state');
  assert.equal(
    stderr,
    `maos: MAOS_HOME is a relative path, "state": using ${home}. Set it to an absolute path.\n`,
  );
  const { stdout } = await maos.start(['list'], { env: { ...maos.env, MAOS_HOME: home } }).finished;
  assert.match(stdout, /completed/);
  const seen = spawnSync('cat', [join(maos.project, 'seen')], { encoding: 'utf8' }).stdout;
  assert.equal(seen, home);
});

it('a MAOS_HOME that is a file is named by doctor and list', async (t) => {
  const maos = await maosFolder(t);
  writeFileSync(maos.home, '');
  for (const command of [['doctor'], ['list'], ['list', '--all', '--json']]) {
    const { status, stdout, stderr } = await maos.run(...command);
    assert.notEqual(status, 0, `${command}`);
    assert.match(stdout + stderr, /home is not a folder/, `${command}`);
  }
});

const isRoot = process.getuid?.() === 0;

describe('a user without an entry in passwd and without HOME', {
  skip: isRoot ? false : 'needs root',
}, () => {
  const uid = 54_321;

  /** Runs a copy of the program that this user can read. */
  function runAs(maos: MaosFolder, args: readonly string[], env: NodeJS.ProcessEnv) {
    const program = join(maos.project, 'program');
    if (!existsSync(program)) {
      const root = dirname(dirname(bundle));
      for (const part of ['bin', 'dist', 'package.json'])
        cpSync(join(root, part), join(program, part), { recursive: true });
    }
    const node = join(program, 'node');
    if (!existsSync(node)) cpSync(process.execPath, node);
    const project = join(maos.project, 'project');
    mkdirSync(project, { recursive: true });
    return spawnSync(node, [join(program, 'bin/maos.js'), ...args], {
      cwd: project,
      env: { PATH: '/usr/bin:/bin', ...env },
      encoding: 'utf8',
      uid,
      gid: uid,
    });
  }

  async function place(t: TestContext): Promise<MaosFolder> {
    const maos = await maosFolder(t);
    chmodSync(maos.project, 0o755);
    return maos;
  }

  it('needs MAOS_HOME alone', async (t) => {
    const maos = await place(t);
    mkdirSync(maos.home, { mode: 0o700 });
    chownSync(maos.home, uid, uid);
    for (const args of [['list'], ['roles'], ['doctor'], ['run', '--dry-run', '-x', 'a=true']]) {
      const { stdout, stderr } = runAs(maos, args, { MAOS_HOME: maos.home });
      assert.doesNotMatch(stderr, /bug|CONFIG_INVALID|homedir/, `${args}: ${stderr}`);
      if (args[0] === 'doctor') assert.match(stdout, /home +\S+, mode 0700/, stderr);
    }
  });

  it('is told to set it', async (t) => {
    const { status, stderr } = runAs(await place(t), ['list'], {});
    assert.equal(status, 2);
    assert.match(stderr, /^maos: This user has no home folder .*set MAOS_HOME/);
  });

  it("is told of another user's, or of one that is closed", async (t) => {
    const maos = await place(t);
    mkdirSync(maos.home, { mode: 0o755 });
    for (const mode of [0o755, 0o700]) {
      chmodSync(maos.home, mode);
      for (const args of [['list'], ['list', '--all'], ['doctor']]) {
        const { status, stdout, stderr } = runAs(maos, args, { MAOS_HOME: maos.home });
        assert.notEqual(status, 0, `${args}`);
        assert.ok((stdout + stderr).includes(maos.home), `${args}: ${stdout}${stderr}`);
        assert.doesNotMatch(stdout + stderr, /bug/);
      }
    }
  });
});

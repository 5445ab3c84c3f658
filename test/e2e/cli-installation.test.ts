import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Doctor {
  readonly usable: boolean;
  readonly home: string;
  readonly checks: readonly { readonly name: string; readonly state: string; readonly fix: string | null }[];
  readonly settings: readonly { readonly key: string; readonly value: unknown; readonly origin: string }[];
}

describe('the installed maos', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('tells its version', async () => {
    const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
    for (const words of [['version'], ['--version'], ['-V']]) {
      assert.deepEqual(await maos.run(...words), { status: 0, stdout: `${manifest.version}\n`, stderr: '' });
    }
    assert.equal((await maos.json('version')).version, manifest.version);
  });

  it('helps on stdout, with 0', async () => {
    for (const words of [['help'], ['--help'], ['help', 'run'], ['run', '--help']]) {
      const { status, stdout, stderr } = await maos.run(...words);
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^Usage: maos /);
    }
  });

  it('serves with a pipe on stdin: silent, and gone at the end of it', async () => {
    for (const words of [[], ['serve']]) {
      assert.deepEqual(await maos.start(words).finished, { status: 0, stdout: '', stderr: '' });
    }
  });

  it('says that it served nobody where a script gives it /dev/null', () => {
    for (const words of [[], ['serve']]) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [bundle, ...words], {
        cwd: maos.project,
        env: maos.env,
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      });
      assert.deepEqual([status, stdout], [0, '']);
      assert.match(stderr, /^stdin is \/dev\/null, so there is no MCP client .* 'maos help' .*\n$/);
    }
  });

  it('lists roles and shows what they are told', async () => {
    const { roles } = await maos.json<{ roles: { name: string }[] }>('roles');
    assert.equal(roles.length, 21);
    const { stdout } = await maos.run('roles', 'show', 'engineer');
    assert.match(stdout, /^# Your role: Backend engineer\n/);
    assert.match(stdout, /## Working in this team/);
    assert.match(String((await maos.json('roles', 'show', 'tester')).briefing), /^# Your role/);
    assert.equal((await maos.run('roles', 'engineer')).status, 2);
    assert.match((await maos.run('roles', 'tester')).stdout, /^# Your role: Test engineer\n/);
    const unknown = await maos.run('roles', 'show', 'testr');
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /Did you mean "tester"/);
    assert.equal((await maos.run('roles', 'show')).status, 2);
    assert.equal((await maos.run('roles', 'drop', 'tester')).status, 2);
  });

  it('tells which backends are there, and what each can do', async () => {
    const claude = join(maos.project, 'claude');
    await writeFile(claude, '#!/bin/sh\necho 1.2.3\n', { mode: 0o755 });
    const env = { ...maos.env, MAOS_CLAUDE_PATH: claude, ANTHROPIC_API_KEY: 'key' };
    const text = await maos.start(['backends'], { env }).finished;
    assert.deepEqual([text.status, text.stderr], [0, '']);
    assert.match(
      text.stdout,
      /^claude +Claude Code +1\.2\.3 +yes +resume, tokens, cost, input, permission, mcp$/m,
    );
    assert.match(text.stdout, /^claude: MAOS was tested with version /m);
    assert.match(text.stdout, /^command +any program +installed +yes +command$/m);
    const json = await maos.start(['backends', '--json'], { env }).finished;
    const [first] = JSON.parse(json.stdout).backends;
    assert.deepEqual([first.name, first.path, first.version], ['claude', claude, '1.2.3']);
    assert.equal(first.capabilities.resumes, true);
  });

  it('is examined: the home, the store, settings with their origin, backends', async () => {
    await maos.run('run', '-x', 'a=true');
    const doctor = async (env: NodeJS.ProcessEnv = {}) => {
      const { status, stdout, stderr } = await maos.start(['doctor', '--json'], {
        env: { ...maos.env, ...env },
      }).finished;
      assert.equal(stderr, '');
      return { status, report: JSON.parse(stdout) as Doctor };
    };
    const healthy = await doctor({ MAOS_BACKEND: 'command' });
    assert.deepEqual([healthy.status, healthy.report.usable], [0, true]);
    assert.equal(healthy.report.home, maos.home);
    assert.deepEqual(healthy.report.settings, [{ key: 'backend', value: 'command', origin: 'MAOS_BACKEND' }]);
    const names = healthy.report.checks.map(({ name }) => name);
    for (const name of ['node', 'home', 'store', 'settings', 'backends', 'backend command']) {
      assert.ok(names.includes(name), name);
    }

    const missing = await doctor({ MAOS_CLAUDE_PATH: join(maos.project, 'no-claude') });
    assert.deepEqual([missing.status, missing.report.usable], [1, false]);
    assert.ok(missing.report.checks.find(({ name }) => name === 'backend claude')?.fix);

    await chmod(maos.home, 0o755);
    const open = await doctor({ MAOS_BACKEND: 'command' });
    assert.equal(open.report.checks.find(({ name }) => name === 'home')?.state, 'warning');
    await chmod(maos.home, 0o700);

    await writeFile(join(maos.home, 'config.json'), '{"backend": 3}', { mode: 0o600 });
    const wrong = await doctor();
    assert.equal(wrong.status, 1);
    assert.match(wrong.report.checks.find(({ name }) => name === 'settings')?.fix ?? '', /backend/);
    const text = await maos.run('doctor');
    assert.equal(text.status, 1);
    assert.match(text.stdout, /✗ settings .*\n.*backend[\s\S]*to fix\./);
    const run = await maos.run('run', '-x', 'a=true');
    assert.deepEqual([run.status, run.stdout], [2, '']);
    assert.match(run.stderr, /is not a setting|backend/);
  });
});

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { until } from '../../helpers/waiting.ts';

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-git-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A git that runs what its first argument says, and the environment to find it in. */
function inventedGit(folder: string) {
  const program = join(folder, 'git');
  writeFileSync(
    program,
    '#!/bin/sh\n[ "$1" = version ] && { echo git version 2.40.0; exit; }\nscript=$1; shift; eval "$script"\n',
  );
  chmodSync(program, 0o755);
  return { PATH: `${folder}:${process.env.PATH}`, MAOS_TEST: "it's inherited" };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('git gets and gives every byte', () => {
  const strange = [
    '',
    ' ',
    "it's",
    '"$HOME" `id` $(id) \\ \\\\ !x',
    'a\nb\n',
    '\n',
    '*',
    '~',
    '-n',
    '%s%d',
    'ünïcödé 🙂',
    '\u0001\u007f\t\r',
    "'",
    "''",
    '\\n',
    '#',
    '; exit 3',
  ];

  it('as arguments, variables, folders and input', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const cwd = join(folder, "a 'folder' $x\n\\");
    mkdirSync(cwd);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: of the shell
    const say = 'printf "%s\\0" "$@" "${OWN}" "$MAOS_TEST" "$(pwd -P; echo .)"; cat';
    for (const own of strange) {
      const { stdout, stderr, status } = await git.run({
        args: [say, ...strange],
        cwd,
        env: { OWN: own },
        input: own,
      });
      assert.deepEqual([status, stderr], [0, '']);
      assert.deepEqual(stdout.toString().split('\0'), [...strange, own, "it's inherited", `${cwd}\n.`, own]);
    }
  });

  it('of output of any length, in order, however it ends', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 256));
    writeFileSync(join(folder, 'bytes'), bytes);
    for (const length of [0, 1, 2, 31, 32, 33, 34, 35, 36, 65_536, 300_000]) {
      const script = `head -c ${length} bytes; head -c ${length} bytes >&2; exit ${length % 100}`;
      const { stdout, stderr, status } = await git.run({ args: [script], cwd: folder });
      assert.equal(status, length % 100);
      assert.ok(stdout.equals(bytes.subarray(0, length)), `${length} bytes`);
      assert.equal(stderr.length > 0, length > 0);
      const pieces: Buffer[] = [];
      const followed = { args: [script], cwd: folder, onOutput: (piece: Buffer) => void pieces.push(piece) };
      await git.run(followed);
      assert.ok(Buffer.concat(pieces).equals(bytes.subarray(0, length)), `${length} bytes as they come`);
    }
  });

  it('of long input, and of input with zero bytes', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    for (const input of ['a\0b', 'x'.repeat(200_000), Buffer.from([0, 255, 10])]) {
      const { stdout } = await git.run({ args: ['cat'], cwd: folder, input });
      assert.ok(stdout.equals(Buffer.from(input as string)));
    }
  });

  it('when many run at once', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const numbers = Array.from({ length: 24 }, (_, at) => String(at));
    const results = await Promise.all(
      numbers.map((number) =>
        git.run({ args: ['cat; echo "$1"; exit "$1"', number], cwd: folder, input: number }),
      ),
    );
    assert.deepEqual(
      results.map(({ stdout, status }) => [stdout.toString(), status]),
      numbers.map((number) => [`${number}${number}\n`, Number(number)]),
    );
  });
});

describe('git that ends otherwise', () => {
  it('has no status when a signal ended it, and the next one runs', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    for (const signal of ['KILL', 'TERM', 'ABRT']) {
      const { status, stdout } = await git.run({ args: [`echo before; kill -${signal} $$`], cwd: folder });
      assert.deepEqual([status, stdout.toString()], [-1, 'before\n']);
      assert.equal((await git.run({ args: ['exit 128'], cwd: folder })).status, 128);
    }
  });

  it('has no status when all that started it is killed, and the next one runs', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    assert.equal((await git.run({ args: ['echo before; kill -9 0'], cwd: folder })).status, -1);
    assert.equal((await git.run({ args: ['exit 7'], cwd: folder })).status, 7);
  });

  it('is ended with all that it started when it is not wanted any more', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const pids = join(folder, 'pids');
    const stop = new AbortController();
    const running = git.run({
      args: [`sleep 300 & echo $! $$ >${pids}.new; mv ${pids}.new ${pids}; wait`],
      cwd: folder,
      signal: stop.signal,
    });
    await until(() => existsSync(pids));
    stop.abort(new Error('not wanted'));
    await assert.rejects(running, /not wanted/);
    // The kernel says when it has collected them.
    for (const pid of readFileSync(pids, 'utf8').trim().split(' ')) await until(() => !isAlive(Number(pid)));
    assert.equal((await git.run({ args: ['exit 7'], cwd: folder })).status, 7);
  });

  it('is ended at the longest output', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const endless = { args: ['while :; do echo line; done'], cwd: folder, maxBytes: 1_000 };
    await assert.rejects(git.run(endless), { code: 'RESOURCE_LIMIT_EXCEEDED' });
    const { stdout, wasCut, status } = await git.run({ ...endless, cut: true });
    assert.deepEqual([stdout.toString(), wasCut, status], ['line\n'.repeat(200), true, 0]);
  });

  it('fails for a folder that is not there', async (t) => {
    const folder = scratch(t);
    const git = makeGit(inventedGit(folder));
    const { status, stderr } = await git.run({ args: ['echo ran'], cwd: join(folder, 'none') });
    assert.notEqual(status, 0);
    assert.match(stderr, /cd.*none/);
  });
});

describe('what starts git', () => {
  const module = new URL('../../../src/infrastructure/git/run-git.ts', import.meta.url).href;
  const program = (folder: string, more: string): string => `
    import { makeGit } from ${JSON.stringify(module)};
    const git = makeGit(process.env);
    const run = (script) => git.run({ args: [script], cwd: ${JSON.stringify(folder)} });
    const { stdout } = await run('ps -o ppid= -p $$');
    console.log(Number(stdout));
    ${more}`;

  it('does not keep its process running', async (t) => {
    const folder = scratch(t);
    const args = ['--input-type=module', '--eval', program(folder, '')];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: inventedGit(folder) });
    await until(() => !isAlive(Number(stdout)));
  });

  it('does not outlive its process, but lets git end what it has begun', async (t) => {
    const folder = scratch(t);
    const done = join(folder, 'done');
    const [began, go] = [join(folder, 'began'), join(folder, 'go')];
    const script = `: >${began}; until [ -e ${go} ]; do sleep 0.02; done; : >${done}`;
    const args = ['--input-type=module', '--eval', program(folder, `await run(${JSON.stringify(script)});`)];
    const owner = spawn(process.execPath, args, {
      env: inventedGit(folder),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = await once(owner.stdout, 'data');
    await until(() => existsSync(began));
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    writeFileSync(go, '');
    await until(() => existsSync(done) && !isAlive(Number(pid)));
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { bundle, jsonLines, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

// The `script` of util-linux runs a program on a pseudo-terminal; that of macOS needs a terminal itself.
const recorder = 'script';
const hasTerminal = /util-linux/.test(spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout ?? '');

/** Waits for an interruption, unless the file `go` exists. */
const program = 'echo tick; [ -e go ] || exec sleep 60; printf half; echo half >&2';

describe('a program that was interrupted', () => {
  let maos: MaosFolder;
  let farewell: string;
  beforeEach(async () => {
    maos = await MaosFolder.make();
    const run = maos.start(['run', '--exec', `a=${program}`]);
    await lineFrom(run.process.stdout as NodeJS.ReadableStream, /a: started/);
    const logs = maos.start(['logs', 'latest', '--follow']);
    await lineFrom(logs.process.stdout as NodeJS.ReadableStream, /^tick$/);
    run.process.kill('SIGINT');
    const { status, stderr } = await run.finished;
    assert.equal(status, 130);
    farewell = stderr;
    assert.equal((await maos.run('wait')).stdout.split(' ')[1], 'paused\n');
    await logs.finished;
    await writeFile(join(maos.project, 'go'), '');
  });
  afterEach(() => maos.remove());

  const state = async () => (await maos.json<{ state: string }>('status', 'latest')).state;

  it('starts again from the beginning: said when it is left, by its status and before it is resumed', async () => {
    assert.match(farewell, /On resume, a starts again from the beginning\.\n {2}.* resume sess_/);
    assert.match(
      (await maos.run('status')).stdout,
      /resume sess_\S+ +continue .*; a starts again from the beginning\n/,
    );
    const { status, stderr } = await maos.run('resume', 'latest');
    assert.equal(status, 0);
    assert.match(stderr, /^a starts again from the beginning: /);
  });

  it('is told apart in the logs from how it went before', async () => {
    assert.equal((await maos.run('resume', 'latest', '--yes')).status, 0);
    const logs = async (...words: string[]) => (await maos.run('logs', 'latest', ...words)).stdout;
    // The readers of its streams may be scheduled in any order.
    const all = (await logs()).split('\n').toSorted();
    assert.deepEqual(all, ['', '--- attempt 2 ---', 'half', 'half', 'tick', 'tick']);
    assert.equal((await logs()).split('\n')[1], '--- attempt 2 ---');
    const printed = (...words: string[]) => logs('--stream', 'stdout', ...words);
    assert.equal(await printed(), 'tick\n--- attempt 2 ---\ntick\nhalf\n');
    assert.equal(await printed('--raw'), 'tick\ntick\nhalf', 'the bytes as they came');
    assert.equal(await printed('--tail', '2'), 'tick\nhalf\n');
    assert.equal(await printed('--tail', '3'), 'tick\n--- attempt 2 ---\ntick\nhalf\n');
    assert.equal(await printed('--tail', '0'), '');
    const attempts = jsonLines(await printed('--json')).map(({ attempt, line }) => [attempt, line]);
    assert.deepEqual(attempts, [
      [1, 'tick'],
      [2, 'tick'],
      [2, 'half'],
    ]);
    const [error] = jsonLines(await logs('--json', '--stream', 'stderr'));
    assert.deepEqual([error?.attempt, error?.line], [2, 'half']);
  });

  it('is asked about on a terminal', { skip: hasTerminal ? false : "needs util-linux' script" }, async () => {
    const answer = (words: string, input: string) => {
      const line = `'${process.execPath}' '${bundle}' resume latest ${words}`;
      const { status, stdout } = spawnSync(
        recorder,
        ['--quiet', '--return', '--command', line, '/dev/null'],
        {
          cwd: maos.project,
          env: { ...maos.env, TERM: 'xterm' },
          encoding: 'utf8',
          input,
        },
      );
      return { status, stdout };
    };
    for (const no of ['n\n', '\n']) {
      const refused = answer('', no);
      assert.match(refused.stdout, /a starts again from the beginning: [\s\S]* Resume\? \[y\/N\]/);
      assert.match(refused.stdout, /sess_\w+ stays paused\./);
      assert.equal(refused.status, 7);
      assert.equal(await state(), 'paused');
    }
    assert.equal(answer('', 'y\n').status, 0);
    assert.equal(await state(), 'completed');
  });

  it('is not asked about where --yes says so', {
    skip: hasTerminal ? false : "needs util-linux' script",
  }, async () => {
    const line = `'${process.execPath}' '${bundle}' resume latest --yes`;
    const { status, stdout } = spawnSync(recorder, ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: maos.project,
      env: { ...maos.env, TERM: 'xterm' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.doesNotMatch(stdout, /Resume\?/);
    assert.equal(status, 0);
    assert.equal(await state(), 'completed');
  });
});

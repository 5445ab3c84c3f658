import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { bundle, jsonLines, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

/** Prints to both streams in turn, each time when MAOS has noted what came before. */
const inTurn = `
  seen() { until grep -qs "$1" "$MAOS_WORKSPACE/../output.idx"; do sleep 0.05; done; }
  echo out 1; seen ' o '; echo err 1 >&2; seen ' e '; echo out 2; seen " o 12$"; echo err 2 >&2`;

describe('maos logs', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  const logs = async (...words: string[]) => {
    const { status, stdout, stderr } = await maos.run('logs', ...words);
    assert.deepEqual([status, stderr], [0, '']);
    return stdout;
  };
  const runAgents = async (...agents: string[]) => {
    const { status, stderr } = await maos.run('run', ...agents.flatMap((agent) => ['-x', agent]));
    assert.equal(status, 0, stderr);
  };

  it('shows stdout and stderr in the order in which they came, or one of them', async () => {
    await runAgents(`a=${inTurn}`);
    assert.equal(await logs(), 'out 1\nerr 1\nout 2\nerr 2\n');
    assert.equal(await logs('--stream', 'stderr'), 'err 1\nerr 2\n');
    assert.equal(await logs('--raw'), 'out 1\nerr 1\nout 2\nerr 2\n');
    assert.equal(await logs('-n', '3'), 'err 1\nout 2\nerr 2\n');
    assert.equal(await logs('--raw', '--stream', 'stdout', '-n', '1'), 'out 2\n');
    const records = jsonLines(await logs('--json'));
    assert.deepEqual(
      records.map(({ stream, line }) => [stream, line]),
      [
        ['stdout', 'out 1'],
        ['stderr', 'err 1'],
        ['stdout', 'out 2'],
        ['stderr', 'err 2'],
      ],
    );
    const times = records.map(({ time }) => String(time));
    assert.deepEqual(times, times.toSorted());
    const stamped = (await logs('-t')).split('\n').slice(0, -1);
    assert.deepEqual(
      stamped.map((line) => line.split(' ')[0]),
      times,
    );
    const since = times[2] as string;
    const later = records.filter(({ time }) => String(time) >= since).map(({ line }) => `${line}\n`);
    assert.equal(await logs('--since', since), later.join(''));
    assert.equal(await logs('--since', '1h'), 'out 1\nerr 1\nout 2\nerr 2\n');
    const refused = await maos.run('logs', '--since', 'noon');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /--since "noon" is not a time: write how long ago/);
  });

  it('shows only the final state of an overwritten line, and exactly the bytes printed when asked', async () => {
    const bytes = String.raw`p 1%%\rp 100%%\nend\r\n\033[31mred\033[0m \033]0;title\007\377\n`;
    await runAgents(`a=printf '${bytes}'`);
    assert.equal(await logs(), 'p 100%\nend\nred \ufffd\n');
    const raw = spawnSync(process.execPath, [bundle, 'logs', '--raw'], { cwd: maos.project, env: maos.env });
    const expected = spawnSync('printf', [bytes]).stdout;
    assert.deepEqual(raw.stdout, expected);
  });

  it('keeps the colours of programs where there are colours, and ends them with each line', async () => {
    await runAgents(String.raw`a=printf '\033[1;31mred\nstill\033[0m\033[8mhidden\033[2J\n'`, 'b=echo plain');
    const coloured = maos.start(['logs', '--stream', 'stdout', 'a'], {
      env: { ...maos.env, FORCE_COLOR: '1' },
    });
    const red = '\u001b[1;31m';
    assert.equal((await coloured.finished).stdout, `${red}red\u001b[0m\n${red}still\u001b[0mhidden\n`);
    assert.equal(await logs('a'), 'red\nstillhidden\n');
  });

  it('takes the names of agents, and shows long ones short', async () => {
    const long = 'a'.repeat(61);
    await runAgents(`${long}1=echo one`, `${long}2=echo two`, 'beta=echo three');
    assert.equal(await logs('beta'), 'three\n');
    assert.equal(await logs('latest', 'beta'), 'three\n');
    assert.match(await logs('beta', `${long}1`), /^beta {20} \| three$/m);
    const prefixes = (await logs()).split('\n').map((line) => line.split(' |')[0] ?? '');
    for (const prefix of prefixes) assert.ok(prefix.length <= 24, prefix);
    assert.equal(new Set(prefixes).size, 4, 'which still differ');
    const unknown = await maos.run('logs', 'gamma');
    assert.equal(unknown.status, 3);
    assert.match(unknown.stderr, /There is no session or agent "gamma" in this project/);
  });

  it('follows both streams', async () => {
    const run = maos.start(['run', '-x', 'a=echo out; until [ -e go ]; do sleep 0.05; done; echo late >&2']);
    await lineFrom(run.process.stdout as NodeJS.ReadableStream, /a: started/);
    const followed = maos.start(['logs', '-f']);
    await lineFrom(followed.process.stdout as NodeJS.ReadableStream, /^out$/);
    const rest = lineFrom(followed.process.stdout as NodeJS.ReadableStream, /^late$/);
    spawnSync('touch', ['go'], { cwd: maos.project });
    await rest;
    assert.equal((await followed.finished).status, 0);
    await run.finished;
  });

  it('says that the output is gone when somebody has removed it', async () => {
    await runAgents('a=echo out');
    const [, folder] = /^Session folder {2}(.*)$/m.exec((await maos.run('status')).stdout) ?? [];
    await rm(folder as string, { recursive: true });
    const { status, stdout, stderr } = await maos.run('logs');
    assert.deepEqual([status, stdout], [3, '']);
    assert.match(stderr, /The output of session sess_\w+ is gone: .* or its logs have been removed/);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import psList from 'ps-list';
import type { LaunchKey, PlacedLaunch } from '../../../../src/application/ports/agent-host.ts';
import { until } from '../../../helpers/waiting.ts';
import { type Bench, Collector, makeBench, program } from '../test-bench.ts';

const isLinux = process.platform === 'linux';

suite('the shell that waits for the next agent', { skip: !isLinux && 'read from procfs' }, () => {
  test('is started while the one before it runs, and becomes its wrapper', async (t) => {
    const bench = await makeBench(t);
    const first = await bench.start('cat', [], { stdin: 'none' });
    await first.ended;
    assert.deepEqual(await waitingAfter(bench.folder), [], 'only where another agent follows');
    await bench.host.makeRoom(bench.agent);
    const [waiting, ...others] = await waitingAfter(bench.folder);
    assert.deepEqual(others, []);
    const { running } = await startNext(bench, { args: ['-c', 'exit 3'] });
    assert.equal(running.location.data.pid, waiting);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.deepEqual(await waitingAfter(bench.folder), []);
  });

  test('bears the mark of no agent', async (t) => {
    const bench = await makeBench(t);
    await (await bench.start('true', [], { env: { MAOS_AGENT_TOKEN: 'secret', KEPT: 'yes' } })).ended;
    await bench.host.makeRoom(bench.agent);
    const [waiting] = await waitingAfter(bench.folder);
    const environment = await readFile(`/proc/${waiting}/environ`, 'latin1');
    assert.match(environment, /(^|\0)KEPT=yes\0/);
    assert.doesNotMatch(environment, /(^|\0)MAOS_/);
  });

  test('takes over what is different: variables that are new, changed, gone', async (t) => {
    const bench = await makeBench(t, { environment: { PATH: process.env.PATH, LANG: 'C' } });
    await (
      await bench.start('true', [], {
        env: { SAME: 'é', CHANGED: 'before', GONE: 'before', constructor: 'before' },
      })
    ).ended;
    await bench.host.makeRoom(bench.agent);
    const odd = 'it\'s \\ `id` $HOME "\n\t{ };\n é \u{1f600}';
    const print = 'const { argv, env } = process; process.stdout.write(JSON.stringify([argv.at(-1), env]))';
    const { running, output } = await startNext(bench, {
      program: process.execPath,
      args: ['-e', print, '--', odd],
      env: { SAME: 'é', CHANGED: odd, NEW: odd },
    });
    await running.ended;
    const [arg, { SAME, CHANGED, GONE, NEW, constructor: own, MAOS_AGENT_ATTEMPT: attempt }] = JSON.parse(
      output.text,
    );
    assert.deepEqual([arg, SAME, CHANGED, GONE, NEW, attempt], [odd, 'é', odd, undefined, odd, '2']);
    assert.equal(typeof own, 'function');
  });

  test('goes to the folder of its agent, whatever has become of the one before', async (t) => {
    const bench = await makeBench(t, { environment: { PATH: process.env.PATH } });
    const cwd = join(bench.folder, 'worktree');
    await mkdir(cwd);
    await (await startAttempt(bench, 1, { program: 'true', cwd })).running.ended;
    await bench.host.makeRoom(bench.agent);
    const [waiting] = await waitingAfter(cwd);
    assert.equal(await readlink(`/proc/${waiting}/cwd`), '/');
    await rm(cwd, { recursive: true });
    await mkdir(cwd);
    await writeFile(join(cwd, 'new'), 'here');
    const { running, output } = await startNext(bench, { args: ['-c', 'cat new; echo "$PWD$OLDPWD"'], cwd });
    assert.equal(running.location.data.pid, waiting);
    await running.ended;
    assert.equal(output.text, `here${cwd}\n`);
  });

  test('is not missed when it was killed', async (t) => {
    const bench = await makeBench(t);
    await (await bench.start('true')).ended;
    await bench.host.makeRoom(bench.agent);
    const [waiting] = await waitingAfter(bench.folder);
    // It dies before this process learns of it.
    process.kill(Number(waiting), 'SIGKILL');
    const { running } = await startNext(bench, { args: ['-c', 'exit 4'] });
    assert.notEqual(running.location.data.pid, waiting);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 4);
  });

  test('ends when no agent follows for a while', async (t) => {
    const bench = await makeBench(t);
    await (await bench.start('true')).ended;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await bench.host.makeRoom(bench.agent);
    const [waiting] = await waitingAfter(bench.folder);
    assert.notEqual(waiting, undefined);
    t.mock.timers.tick(10_000);
    t.mock.timers.reset();
    await until(async () => (await waitingAfter(bench.folder)).length === 0);
  });

  test('ends with MAOS, however that ends', async (t) => {
    const bench = await makeBench(t);
    const maos = spawn(process.execPath, [program('start-agent.ts'), bench.folder, 'SPARE', 'true'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(maos, 'exit');
    await once(maos.stdout, 'data');
    await until(async () => (await waitingAfter(bench.folder)).length === 1);
    maos.kill('SIGKILL');
    await gone;
    await until(async () => (await waitingAfter(bench.folder)).length === 0);
  });
});

function startNext(bench: Bench, spec: Partial<PlacedLaunch>) {
  return startAttempt(bench, 2, spec);
}

async function startAttempt(bench: Bench, attempt: number, spec: Partial<PlacedLaunch>) {
  const key: LaunchKey = { ...bench.key, attempt };
  const output = new Collector();
  const launch = { program: 'sh', args: [], env: {}, stdin: 'none', cwd: bench.folder, ...spec } as const;
  return { running: await bench.host.start(key, bench.agent, launch, output), output };
}

/** The shells that wait after an agent that worked in the folder, found without MAOS's code. */
async function waitingAfter(folder: string): Promise<readonly number[]> {
  const shells = (await psList()).filter(({ cmd }) => cmd?.startsWith('/bin/sh -s trap '));
  const environments = await Promise.all(
    shells.map(({ pid }) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => 'it has ended')),
  );
  return shells
    .filter((_, index) => environments[index]?.split('\0').includes(`PWD=${folder}`))
    .map(({ pid }) => pid);
}

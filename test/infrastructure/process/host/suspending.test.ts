import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { suspendAgentProcesses } from '../../../../src/infrastructure/process/host/suspending.ts';
import { AgentFamily } from '../../../../src/infrastructure/process/tree/agent-processes.ts';
import {
  type ProcessSnapshot,
  readProcfs,
} from '../../../../src/infrastructure/process/tree/process-table.ts';
import { giveTimeTo, until } from '../../../helpers/waiting.ts';
import { sampleAgent, sampleKey } from '../sample-agent.ts';
import { makeBench, processesWith, program, rareSeconds, statesOf } from '../test-bench.ts';

/** Waiting this long, instead of for the program's end, exceeds the test's time limit. */
const plenty = 3_600_000;

/** Counts on stdout, which arrives later, and in the given file, which has it immediately. */
const counting = 'i=0; while :; do i=$((i+1)); echo "$i" >>"$1"; echo "$i"; sleep 0.02; done';

/** A shell whose child was stopped before exec waits for it in the kernel: 'D'. */
function areAllStopped(states: ReadonlyMap<number, string>): boolean {
  return [...states.values()].every((state) => state === 'T' || state === 'D');
}

suite('a suspended agent', { concurrency: true }, () => {
  test('stands still, says nothing more, and goes on where it was', async (t) => {
    const bench = await makeBench(t);
    const counted = join(bench.folder, 'counted');
    const running = await bench.start('sh', ['-c', counting, 'sh', counted]);
    await bench.output.heard('5\n');
    await running.suspend();
    const before = readFileSync(counted, 'utf8');
    await giveTimeTo('count while suspended', 300);
    assert.equal(readFileSync(counted, 'utf8'), before);
    await running.resume();
    const next = Number(before.trim().split('\n').at(-1)) + 3;
    await bench.output.heard(`\n${next}\n`);
    await running.stop(1_000);
    const lines = bench.output.text.trim().split('\n').map(Number);
    assert.deepEqual(
      lines,
      lines.map((_, index) => index + 1),
      'no line is missing or twice',
    );
  });

  test('is its whole family, also a process in another session without parent', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start(process.execPath, [program('family.mjs'), seconds, 'stay']);
    await bench.output.heard('ready');
    assert.equal(areAllStopped(statesOf(seconds)), false);
    await running.suspend();
    const states = statesOf(seconds);
    assert.equal(states.size, 4, 'node, a shell and two sleeps');
    assert.ok(areAllStopped(states), JSON.stringify([...states]));
    await running.resume();
    assert.ok(![...statesOf(seconds).values()].includes('T'));
    assert.deepEqual([...statesOf(seconds).keys()], [...states.keys()]);
  });

  // Every generation leaves a sleeper, starts the next one and ends. The first ones do so immediately, the later ones
  // after some time, so that they last until the first scan. macOS has no `setsid`.
  const generation =
    '[ "$3" -gt 2000 ] || { sleep "$2" & [ "$3" -lt 3 ] || sleep 2; setsid sh -c "$1" sh "$1" "$2" $(($3+1)) & }';
  for (const [name, breed] of [
    ['in one group', 'echo ready; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); sleep "$1" & sleep 0.001; done'],
    ['in sessions of its own', 'echo ready; sh -c "$2" sh "$2" "$1" 0; sleep "$1"'],
  ] as const) {
    const skip = breed.includes('"$2"') && process.platform !== 'linux';
    test(`is also one that multiplies ${name}`, { skip }, async (t) => {
      const bench = await makeBench(t);
      const seconds = rareSeconds();
      const running = await bench.start('sh', ['-c', breed, 'breeder', seconds, generation]);
      await bench.output.heard('ready');
      await until(() => statesOf(seconds).size > 2, 'more processes');
      await running.suspend();
      const states = statesOf(seconds);
      assert.ok(areAllStopped(states), JSON.stringify([...states]));
      await giveTimeTo('begin another process', 100);
      assert.deepEqual([...statesOf(seconds)], [...states], 'nobody has come');
      const report = await running.stop(100);
      assert.equal(report.survivors, 0);
      assert.deepEqual(await processesWith(seconds), []);
    });
  }

  test('right after its start: the program does not run', async (t) => {
    for (let round = 0; round < 5; round++) {
      const bench = await makeBench(t);
      const counted = join(bench.folder, 'counted');
      writeFileSync(counted, '');
      const running = await bench.start('sh', ['-c', counting, 'sh', counted]);
      await running.suspend();
      const before = readFileSync(counted, 'utf8');
      await giveTimeTo('count while suspended', 100);
      assert.equal(readFileSync(counted, 'utf8'), before, `round ${round}`);
      await running.resume();
      await bench.output.heard('3\n');
    }
  });

  test('ends politely when it is stopped', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start(program('polite.sh'), [rareSeconds()]);
    await bench.output.heard('ready');
    await running.suspend();
    const report = await running.stop(plenty);
    assert.deepEqual(report.signals, ['SIGTERM', 'SIGCONT']);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.equal(bench.output.text, 'ready\ngoodbye\n');
  });

  test('stopped while it is being suspended ends all the same', async (t) => {
    for (let round = 0; round < 5; round++) {
      const bench = await makeBench(t);
      const running = await bench.start(program('polite.sh'), [rareSeconds()]);
      await bench.output.heard('ready');
      const suspended = running.suspend();
      if (round > 0) await giveTimeTo('get to another step of suspending', round);
      await running.stop(plenty);
      await suspended;
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 3);
    }
  });

  test('that is killed is told as ended at once', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start('sh', ['-c', 'echo ready; exec sleep "$1"', 'sh', seconds]);
    await bench.output.heard('ready');
    await running.suspend();
    const [sleeper] = statesOf(seconds).keys();
    process.kill(sleeper as number, 'SIGKILL');
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.signal, 'SIGKILL');
    assert.equal(JSON.parse(await readFile(join(bench.folder, 'exit.json'), 'utf8')).status, 137);
  });

  test('any number of times, also at once: the last word counts', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start('sh', ['-c', 'echo ready; sleep "$1"; :', 'sh', seconds]);
    await bench.output.heard('ready');
    await running.resume();
    await Promise.all([running.suspend(), running.suspend(), running.resume(), running.suspend()]);
    assert.ok(areAllStopped(statesOf(seconds)));
    await Promise.all([running.resume(), running.suspend(), running.resume()]);
    await running.resume();
    assert.ok(![...statesOf(seconds).values()].includes('T'));
  });

  test('that has ended is left alone', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('true');
    await running.ended;
    await running.suspend();
    await running.resume();
    const never = await (await makeBench(t)).attach();
    await never.suspend();
    await never.resume();
  });

  test('is not another process that has got the pid of its wrapper', async (t) => {
    const seconds = rareSeconds();
    const bystander = spawn('sleep', [seconds], { detached: true });
    t.after(() => bystander.kill());
    await once(bystander, 'spawn');
    const bench = await makeBench(t);
    await writeFile(join(bench.folder, 'launch.1'), `{"pid":${bystander.pid},"stdoutFrom":0}\n`);
    const running = await bench.attach();
    await running.suspend();
    assert.equal(await running.sample(), null);
    assert.deepEqual([...statesOf(seconds).values()], ['S']);
  });
});

test('an agent suspended by a MAOS that was killed stands still until its next MAOS lets it go on', async (t) => {
  const bench = await makeBench(t, { identity: { agent: sampleAgent, key: sampleKey } });
  const seconds = rareSeconds();
  const command = ['sh', '-c', 'echo ready; sleep "$1"; echo done; exit 4', 'sh', seconds];
  const starter = spawn(process.execPath, [program('start-agent.ts'), bench.folder, 'SUSPEND', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    starter.kill('SIGKILL');
    await (await bench.attach()).stop(0);
  });
  const said = createInterface(starter.stdout)[Symbol.asyncIterator]();
  for (const _ of ['starting', 'pid', 'suspended']) await said.next();
  const exited = once(starter, 'exit');
  starter.kill('SIGKILL');
  await exited;
  assert.ok(statesOf(seconds).size > 0);
  assert.ok(areAllStopped(statesOf(seconds)), 'the end of its MAOS does not wake it');

  const running = await bench.attach();
  await running.suspend();
  assert.ok(areAllStopped(statesOf(seconds)));
  await running.resume();
  assert.ok(![...statesOf(seconds).values()].includes('T'));
  await running.suspend();
  await running.stop(plenty);
  assert.deepEqual(await processesWith(seconds), []);
  const end = await running.ended;
  assert.equal(end.how === 'exited' && end.signal, 'SIGTERM');
});

test('a machine where each look takes seconds is not held against the agent', async (t) => {
  const agentId = 'agent_tester_1_slowly';
  const child = spawn('sleep', [rareSeconds()], { env: { ...process.env, MAOS_AGENT_ID: agentId } });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const snapshot = async (): Promise<ProcessSnapshot> => {
    const seen = await readProcfs();
    now += 3_000;
    // Processes of others end all the time.
    return { ...seen, incomplete: true };
  };
  const family = new AgentFamily(
    { agentId, attempt: 1, wrapper: null },
    { snapshot, recent: snapshot },
    () => true,
  );
  await suspendAgentProcesses(family, () => true);
  assert.match(readFileSync(`/proc/${child.pid}/stat`, 'utf8'), /^\d+ \(sleep\) T/);
});

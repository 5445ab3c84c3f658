import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makeBench, processesWith, program, rareSeconds } from '../test-bench.ts';

/** Waiting this long, instead of for the program's end, exceeds the test's time limit. */
const plenty = 3_600_000;

suite('stopping an agent', { concurrency: true }, () => {
  test('is polite first: the program ends by itself, and says how', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start(program('polite.sh'), [seconds]);
    await bench.output.heard('ready');
    const report = await running.stop(plenty);
    // The second signal is for a suspended process; this one may have ended by then.
    assert.deepEqual(
      report.signals.filter((signal) => signal !== 'SIGCONT'),
      ['SIGTERM'],
    );
    assert.equal(report.survivors, 0);
    // Its child may end before it is examined.
    assert.match(report.processes?.[0] ?? '', new RegExp(`polite\\.sh ${seconds} \\(\\d+\\)$`));
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.equal(bench.output.text, 'ready\ngoodbye\n');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('uses force after the grace period, and the end is recorded all the same', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start(program('ignore-term.sh'), [seconds]);
    await bench.output.heard('ready');
    const report = await running.stop(300);
    assert.deepEqual(report.signals, ['SIGTERM', 'SIGCONT', 'SIGKILL']);
    assert.equal(report.survivors, 0);
    assert.ok(report.tookMs >= 300, `${report.tookMs} ms`);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.signal, 'SIGKILL');
    assert.deepEqual(JSON.parse(await readFile(join(bench.folder, 'exit.json'), 'utf8')), {
      attempt: 1,
      status: 137,
    });
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('asks first even where one look takes longer than the grace period', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start(program('ignore-term.sh'), [seconds]);
    await bench.output.heard('ready');
    const report = await running.stop(0.001);
    assert.deepEqual(report.signals, ['SIGTERM', 'SIGCONT', 'SIGKILL']);
    assert.equal(report.survivors, 0);
  });

  test('ends the whole family, also a process in another session without parent', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start(process.execPath, [program('family.mjs'), seconds, 'stay']);
    await bench.output.heard('ready');
    const sleepers = (await processesWith(seconds)).filter(({ cmd }) => cmd.startsWith('sleep'));
    assert.equal(sleepers.length, 2, 'the family is there');
    const report = await running.stop(plenty);
    assert.equal(report.survivors, 0);
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('right after the start, the program gets its SIGTERM and not only its SIGKILL', async (t) => {
    for (let round = 0; round < 10; round++) {
      const bench = await makeBench(t);
      const running = await bench.start('sleep', [rareSeconds()]);
      await running.stop(plenty);
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.signal, 'SIGTERM');
    }
  });

  test('a stopped (SIGSTOP) agent ends politely too', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start(program('polite.sh'), [rareSeconds()]);
    await bench.output.heard('ready');
    process.kill(-(running.location.data.pid as number), 'SIGSTOP');
    await running.stop(plenty);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
  });

  test('twice at a time is one stop; the shorter grace counts; later it does nothing', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start(program('ignore-term.sh'), [rareSeconds()]);
    await bench.output.heard('ready');
    const [first, second] = await Promise.all([running.stop(plenty), running.stop(100)]);
    assert.equal(first, second);
    await running.ended;
    assert.equal(await running.stop(0), first);
  });

  test('an agent that has ended is left alone', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('true');
    await running.ended;
    assert.deepEqual((await running.stop(0)).signals, []);
  });

  test('a process that multiplies is ended', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const breed = 'trap "" TERM; echo ready; while :; do sleep "$1" & sleep 0.02; done';
    const running = await bench.start('sh', ['-c', breed, 'breeder', seconds]);
    await bench.output.heard('ready');
    const report = await running.stop(200);
    assert.equal(report.survivors, 0);
    assert.deepEqual(await processesWith(seconds), []);
  });
});

suite('signals from elsewhere', { concurrency: true }, () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`${signal} to the group ends the program; the wrapper records it`, async (t) => {
      const bench = await makeBench(t);
      const running = await bench.start('sh', ['-c', 'echo ready; exec sleep "$1"', 'sh', rareSeconds()]);
      await bench.output.heard('ready');
      process.kill(-(running.location.data.pid as number), signal);
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.signal, signal);
      assert.equal(JSON.parse(await readFile(join(bench.folder, 'exit.json'), 'utf8')).attempt, 1);
    });
  }

  test('a wrapper killed alone: its program is ended, the signal is told', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const running = await bench.start('sh', ['-c', 'echo ready; exec sleep "$1"', 'sh', seconds]);
    await bench.output.heard('ready');
    process.kill(running.location.data.pid as number, 'SIGKILL');
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.signal, 'SIGKILL');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test("processes of others are not touched, also those of another agent's id", async (t) => {
    const bystander = spawn('sleep', [rareSeconds()], {
      detached: true,
      env: { ...process.env, MAOS_AGENT_ID: 'agent_tester_1_000000' },
    });
    t.after(() => bystander.kill());
    await once(bystander, 'spawn');
    const bench = await makeBench(t);
    const running = await bench.start('sleep', [rareSeconds()]);
    await running.stop(0);
    await running.ended;
    assert.equal(bystander.exitCode ?? bystander.signalCode, null);
  });
});

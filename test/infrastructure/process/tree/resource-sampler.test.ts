import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { ResourceSample, RunningAgent } from '../../../../src/application/ports/agent-host.ts';
import {
  makeProcessTable,
  readProcfs,
  readWithPs,
} from '../../../../src/infrastructure/process/tree/process-table.ts';
import {
  makeCpuMeter,
  makeResourceSampler,
} from '../../../../src/infrastructure/process/tree/resource-sampler.ts';
import { giveTimeTo, until } from '../../../helpers/waiting.ts';
import { makeBench, rareSeconds, statesOf } from '../test-bench.ts';

/** Samples until one matches. */
function sampleThat(
  running: RunningAgent,
  fits: (sample: ResourceSample) => boolean,
): Promise<ResourceSample> {
  let last: ResourceSample | null = null;
  return until(
    async () => {
      last = await running.sample();
      return last !== null && fits(last) ? last : null;
    },
    () => `another sample than ${JSON.stringify(last)}`,
  );
}

const mib = 1024 * 1024;
/** Uses this much CPU time, regardless of how long that takes on a busy machine. */
const spin = (ms: number): string => `while (process.cpuUsage().user < ${ms}e3);`;

suite('a sample', { concurrency: true }, () => {
  test('counts the processes and what they print, on both streams, of this attempt', async (t) => {
    const bench = await makeBench(t);
    await writeFile(join(bench.folder, 'stdout.log'), 'of an attempt before');
    await writeFile(join(bench.folder, 'stderr.log'), 'of an attempt before');
    const seconds = rareSeconds();
    const script = 'printf 12345; printf 123 >&2; sleep "$1" & sleep "$1"; :';
    const running = await bench.start('sh', ['-c', script, 'sh', seconds]);
    const sample = await sampleThat(
      running,
      ({ processes, outputBytes }) => processes === 3 && outputBytes > 5,
    );
    assert.equal(sample.outputBytes, 8);
    assert.equal(statesOf(seconds).size, 3);
    await running.stop(1_000);
    await running.ended;
    assert.equal(await running.sample(), null);
  });

  test('knows the memory of the tree, as ps does', async (t) => {
    const bench = await makeBench(t);
    // Both are idle once it is allocated; memory that is still growing would be larger in the second sample.
    const hold = `const held = Buffer.alloc(${150 * mib}, 1); console.log('held'); setInterval(() => held, 1000);`;
    const nest = `require('child_process').spawn(process.execPath, ['-e', \`${hold}\`], { stdio: 'inherit' });`;
    const running = await bench.start(process.execPath, ['-e', nest]);
    await bench.output.heard('held');
    const sample = await running.sample();
    assert.equal(sample?.processes, 2);
    const group = execFileSync('ps', ['-A', '-o', 'pgid=,pid=,rss='], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    const told = group.split('\n').reduce((sum, line) => {
      const [pgid, pid, kib] = line.trim().split(/\s+/).map(Number);
      return pgid === running.location.data.pid && pid !== pgid ? sum + (kib ?? 0) * 1024 : sum;
    }, 0);
    assert.ok(
      Math.abs(told - sample.memoryBytes) < 30 * mib,
      `${told / mib} and ${sample.memoryBytes / mib} MiB`,
    );
  });

  test('counts CPU time of children that have ended, and stands still with a suspended agent', async (t) => {
    const bench = await makeBench(t);
    const once = `require('child_process').spawnSync(process.execPath, ['-e', '${spin(600)}']);`;
    const then = `console.log('collected'); setTimeout(() => { ${spin(60_000)} }, 1200)`;
    const running = await bench.start(process.execPath, ['-e', `${once}${then}`]);
    await bench.output.heard('collected');
    const collected = await sampleThat(running, ({ processes }) => processes === 1);
    assert.ok(collected.cpuMs >= 600, `${collected.cpuMs} ms`);
    await sampleThat(running, ({ cpuMs }) => cpuMs > collected.cpuMs + 200);
    await running.suspend();
    const still = await running.sample();
    await giveTimeTo('use the processor while suspended', 200);
    assert.equal((await running.sample())?.cpuMs, still?.cpuMs);
    await running.resume();
    await sampleThat(running, ({ cpuMs }) => cpuMs > (still?.cpuMs ?? 0) + 50);
  });

  test('never falls, also when a process that nobody collects takes its time with it', async (t) => {
    const bench = await makeBench(t);
    const orphan = `require('child_process').spawn(process.execPath, ['-e', '${spin(1200)}'], { detached: true, stdio: 'ignore' }).unref();`;
    const middle = `require('child_process').spawn(process.execPath, ['-e', \`${orphan}\`], { stdio: 'ignore' });`;
    const running = await bench.start(process.execPath, ['-e', `${middle} setTimeout(() => {}, 60_000)`]);
    let last = 0;
    let processes = 0;
    let peak = 0;
    while (peak < 2 || processes > 1) {
      const sample = await running.sample();
      await giveTimeTo('change between two looks', 60);
      if (sample === null) continue;
      assert.ok(sample.cpuMs >= last, `${sample.cpuMs} after ${last} ms`);
      last = sample.cpuMs;
      processes = sample.processes;
      peak = Math.max(peak, processes);
    }
    // On a busy machine, it gets only a small part of the time that it spins.
    assert.ok(last >= 30, `${last} ms`);
  });

  test('of an adopted agent is the same', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('sh', ['-c', 'echo hello; sleep "$1"; :', 'sh', rareSeconds()]);
    await sampleThat(running, ({ processes }) => processes === 2);
    const adopted = await bench.attach();
    const [own, other] = [await running.sample(), await adopted.sample()];
    assert.deepEqual([other?.processes, other?.outputBytes], [own?.processes, 6]);
  });
});

test('memory of a process that has ended since the look does not count', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const mark = { MAOS_AGENT_ID: 'agent_short', MAOS_AGENT_ATTEMPT: '1' };
  const child = spawn('sleep', ['60'], { env: { ...process.env, ...mark }, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const ofAgent = { agentId: 'agent_short', attempt: 1, wrapper: null };
  const table = makeProcessTable();
  const isThere = () => makeResourceSampler(table).memory(ofAgent);
  await until(isThere);
  const snapshot = await table.snapshot();
  const sampler = makeResourceSampler({ snapshot: async () => snapshot, recent: async () => snapshot });
  assert.ok(((await sampler.memory(ofAgent)) ?? 0) > 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(await sampler.memory(ofAgent), 0);
});

test('what is lost of CPU time is carried on, and new use shows at once', () => {
  const meter = makeCpuMeter();
  assert.deepEqual([100, 500, 200, 230, 900, 0, 1].map(meter), [100, 500, 500, 530, 1200, 1200, 1201]);
});

test('many agents asked for at once cost one look', async () => {
  let looks = 0;
  const table = makeProcessTable(() => {
    looks++;
    return process.platform === 'linux' ? readProcfs() : readWithPs();
  });
  const sampler = makeResourceSampler(table);
  const marks = Array.from({ length: 200 }, (_, index) => ({
    agentId: `agent_${index}`,
    attempt: 1,
    wrapper: null,
  }));
  const uses = await Promise.all(marks.map((mark) => sampler.measure(mark)));
  assert.equal(looks, 1);
  assert.deepEqual(new Set(uses), new Set([null]));
});

test('a look that took long is used longer', async () => {
  let looks = 0;
  const table = makeProcessTable(async () => {
    looks++;
    return { ...(await readWithPs()), tookMs: 20 };
  });
  const sampler = makeResourceSampler(table);
  const mark = { agentId: 'agent_0', attempt: 1, wrapper: null };
  await sampler.measure(mark);
  await giveTimeTo('make the look older than a quick one may be', 700);
  await sampler.measure(mark);
  assert.equal(looks, 1);
});

suite('a log file deleted under MAOS', { concurrency: true }, () => {
  async function deleteLogs(
    t: TestContext,
  ): Promise<{ bench: Awaited<ReturnType<typeof makeBench>>; running: RunningAgent }> {
    const bench = await makeBench(t);
    const script =
      'echo one; echo err >&2; while [ ! -e go ]; do sleep 0.01; done; echo two; echo err >&2; exit 5';
    const running = await bench.start('sh', ['-c', script]);
    await bench.output.heard('one');
    await sampleThat(running, ({ outputBytes }) => outputBytes === 8);
    await rm(join(bench.folder, 'stdout.log'));
    await rm(join(bench.folder, 'stderr.log'));
    return { bench, running };
  }

  test('is followed to its end and counted on; the log says so, once', async (t) => {
    const { bench, running } = await deleteLogs(t);
    assert.equal((await running.sample())?.outputBytes, 8);
    await running.sample();
    await writeFile(join(bench.folder, 'go'), '');
    await bench.output.heard('two');
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 5);
    assert.equal(bench.output.text, 'one\ntwo\n');
    assert.equal(bench.logged.filter((line) => line.includes('stdout.log was deleted')).length, 1);
  });

  test('is missed by the next MAOS, which says so; how the agent ended is told all the same', async (t) => {
    const { bench } = await deleteLogs(t);
    const adopted = await bench.attach();
    // The shell, and sometimes its sleep.
    assert.ok(((await adopted.sample())?.processes ?? 0) >= 1);
    await writeFile(join(bench.folder, 'go'), '');
    const end = await adopted.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 5);
    assert.match(bench.logged.join('\n'), /stdout\.log cannot be opened/);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import { findPlace } from '../../../../src/infrastructure/process/tree/identity.ts';
import { giveTimeTo, until } from '../../../helpers/waiting.ts';
import { sampleAgent, sampleKey } from '../sample-agent.ts';
import { type Bench, Collector, makeBench, processesWith, program, rareSeconds } from '../test-bench.ts';

/** A bench whose agent another process is starting. */
async function makeStarter(
  t: TestContext,
  command: readonly string[],
): Promise<{ bench: Bench; said: AsyncIterator<string>; kill: () => Promise<void> }> {
  const bench = await makeBench(t, { identity: { agent: sampleAgent, key: sampleKey } });
  const starter = spawn(process.execPath, [program('start-agent.ts'), bench.folder, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(starter, 'exit');
  const kill = async (): Promise<void> => {
    starter.kill('SIGKILL');
    await exited;
  };
  t.after(kill);
  const said = createInterface(starter.stdout)[Symbol.asyncIterator]();
  assert.equal((await said.next()).value, 'starting');
  return { bench, said, kill };
}

/** A bench whose agent was started by a process that was then killed with SIGKILL. */
async function makeOrphan(
  t: TestContext,
  command: readonly string[],
): Promise<{ bench: Bench; wrapper: number; heard: (text: string) => Promise<void> }> {
  const { bench, said, kill } = await makeStarter(t, command);
  const wrapper = Number((await said.next()).value);
  await kill();
  return { bench, wrapper, heard: (text) => bench.output.heard(text) };
}

// Not in parallel, because they share the agent's id with the process that starts it.
suite('an agent whose MAOS was killed', () => {
  test('is adopted: all its output from the first byte, and how it ended', async (t) => {
    const lines = 'i=0; while [ $i -lt 20 ]; do echo "line $i"; sleep 0.03; i=$((i+1)); done; exit 9';
    const { bench, wrapper } = await makeOrphan(t, ['sh', '-c', lines]);
    const running = await bench.attach();
    assert.equal(running.location.data.pid, wrapper);
    const end = await running.ended;
    assert.deepEqual({ ...end, at: '' }, { how: 'exited', exitCode: 9, signal: null, at: '' });
    assert.equal(bench.output.text, Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join(''));
  });

  test('can be stopped', async (t) => {
    const seconds = rareSeconds();
    const { bench, heard } = await makeOrphan(t, [process.execPath, program('family.mjs'), seconds, 'stay']);
    const running = await bench.attach();
    await heard('ready');
    const report = await running.stop(20_000);
    assert.equal(report.survivors, 0);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.signal, 'SIGTERM');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('and ended meanwhile is reported with the time of its end', async (t) => {
    const { bench } = await makeOrphan(t, ['sh', '-c', 'echo hello; exit 2']);
    await until(() => exists(join(bench.folder, 'exit.json')));
    const before = Date.now();
    const end = await (await bench.attach()).ended;
    assert.equal(end.how === 'exited' && end.exitCode, 2);
    assert.ok(Date.parse(end.at) <= before);
    assert.equal(bench.output.text, 'hello\n');
    const again = new Collector();
    assert.deepEqual(await (await bench.attach(again)).ended, end);
    assert.equal(again.text, 'hello\n');
  });

  test('is lost when its wrapper was killed too; what it left running is ended', async (t) => {
    const seconds = rareSeconds();
    const { bench, wrapper } = await makeOrphan(t, ['sh', '-c', 'echo begun; sleep "$1"; :', 'sh', seconds]);
    process.kill(wrapper, 'SIGKILL');
    const end = await (await bench.attach()).ended;
    assert.equal(end.how, 'lost');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('is lost when its wrapper is killed after the adoption', async (t) => {
    const seconds = rareSeconds();
    const { bench, wrapper } = await makeOrphan(t, ['sh', '-c', 'sleep "$1"; :', 'sh', seconds]);
    const running = await bench.attach();
    process.kill(wrapper, 'SIGKILL');
    assert.equal((await running.ended).how, 'lost');
    assert.deepEqual(await processesWith(seconds), []);
  });
});

test('killed at any moment of a start: the program ran once and is reported, or never runs', async (t) => {
  const script = 'echo ran >>ran.log; sleep 0.05; echo out; exit 8';
  for (let delayMs = 0; delayMs < 12; delayMs++) {
    const { bench, kill } = await makeStarter(t, ['sh', '-c', script]);
    await giveTimeTo('get to another step of the start', delayMs);
    await kill();
    const end = await (await bench.attach()).ended;
    const ran = await readFile(join(bench.folder, 'ran.log'), 'utf8').catch(() => '');
    const told = [end.how, end.how === 'exited' && end.exitCode, ran, bench.output.text];
    const wanted =
      end.how === 'never_started' ? ['never_started', false, '', ''] : ['exited', 8, 'ran\n', 'out\n'];
    assert.deepEqual(told, wanted, `killed ${delayMs} ms after the start began`);
  }
});

suite('attaching to', { concurrency: true }, () => {
  test('what was never started bars it for ever', async (t) => {
    const bench = await makeBench(t);
    assert.equal((await (await bench.attach()).ended).how, 'never_started');
    const late = await bench.start('sh', ['-c', 'echo ran']);
    assert.equal((await late.ended).how, 'never_started');
    assert.deepEqual(await late.stop(0), { signals: [], survivors: 0, tookMs: 0 });
    assert.equal(bench.output.text, '');
  });

  test('what is being started here decides it together with the start: both follow it, or it never runs', async (t) => {
    // After growing delays from the start, until it is too late to fence the launch.
    let last = '';
    for (let turns = 0; last !== 'exited'; turns = turns * 2 + 1) {
      const bench = await makeBench(t);
      const starting = bench.start('sh', ['-c', 'echo ran >>ran.txt; echo said']);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      const [attached, started] = await Promise.all([bench.attach(new Collector()), starting]);
      const ends = await Promise.all([attached.ended, started.ended]);
      const [how] = ends.map((end) => end.how);
      assert.deepEqual(
        ends.map((end) => end.how),
        [how, how],
      );
      const ran = await readFile(join(bench.folder, 'ran.txt'), 'utf8').catch(() => '');
      assert.equal(ran, how === 'exited' ? 'ran\n' : '');
      last = how as string;
    }
  });

  test('what has not even a folder bars it as well', async (t) => {
    const bench = await makeBench(t);
    await rm(bench.folder, { recursive: true });
    assert.equal((await (await bench.attach()).ended).how, 'never_started');
  });

  test('a pid that belongs to another process by now: lost, and that process is not touched', async (t) => {
    const bystander = spawn('sleep', [rareSeconds()], { detached: true });
    t.after(() => bystander.kill());
    await once(bystander, 'spawn');
    const bench = await makeBench(t);
    await writeFile(join(bench.folder, 'launch.1'), `{"pid":${bystander.pid},"stdoutFrom":0}\n`);
    const running = await bench.attach();
    await running.stop(0);
    assert.equal((await running.ended).how, 'lost');
    assert.equal(bystander.exitCode ?? bystander.signalCode, null);
  });

  test('an agent of the version whose programs printed into the files themselves', async (t) => {
    const script = `trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
echo "{\\"pid\\":$$,\\"stdoutFrom\\":0,\\"stderrFrom\\":0}" >"$1/launch.1"
exec 3>&2 2>/dev/null
(exec sh -c 'trap "echo asked; exit 7" TERM; echo ready; while :; do sleep 0.02; done' 2>&3 3>&-)
status=$?
echo "{\\"attempt\\":1,\\"status\\":$status}" >"$1/exit.json"
exit "$status"`;
    const bench = await makeBench(t);
    const stdout = await open(join(bench.folder, 'stdout.log'), 'a');
    const env = { ...process.env, MAOS_AGENT_ID: bench.agent.id };
    const wrapper = spawn('/bin/sh', ['-c', script, `MAOS_AGENT_ID=${bench.agent.id}`, bench.folder], {
      detached: true,
      env,
      stdio: ['ignore', stdout.fd, 'ignore'],
    });
    await once(wrapper, 'spawn');
    await stdout.close();
    await until(async () => (await readFile(join(bench.folder, 'stdout.log'), 'utf8')).includes('ready'));
    const running = await bench.attach();
    assert.deepEqual((await running.stop(20_000)).survivors, 0);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 7);
    assert.equal(bench.output.text, 'ready\nasked\n');
  });

  test('a process of another process namespace is not lost because it cannot be seen; its record ends it', async (t) => {
    const { bootId, place } = await findPlace();
    const [host] = (place ?? '').split(' ');
    const bench = await makeBench(t);
    const claim = { pid: 1, stdoutFrom: 0, place: `${bootId} ${host} 1` };
    await writeFile(join(bench.folder, 'launch.1'), JSON.stringify(claim));
    const running = await bench.attach();
    assert.deepEqual(await running.stop(0), { signals: [], survivors: 1, tookMs: 0 });
    await writeFile(join(bench.folder, 'exit.json'), '{"attempt":1,"status":3}');
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
  });

  test('a process of this host from before it was started anew: lost', async (t) => {
    const bench = await makeBench(t);
    const claim = { pid: 1, stdoutFrom: 0, place: `another ${(await findPlace()).place}` };
    await writeFile(join(bench.folder, 'launch.1'), JSON.stringify(claim));
    assert.equal((await (await bench.attach()).ended).how, 'lost');
  });

  for (const [name, text] of [
    ['an empty claim', ''],
    ['half a claim', '{"pid":12'],
  ] as const) {
    test(`${name} without a process: lost, not started again`, async (t) => {
      const bench = await makeBench(t);
      await writeFile(join(bench.folder, 'launch.1'), text);
      assert.equal((await (await bench.attach()).ended).how, 'lost');
    });
  }

  test('the record of another attempt, or half of one, is none', async (t) => {
    for (const record of ['{"attempt":2,"status":0}\n', '{"attempt":1,"sta', '']) {
      const bench = await makeBench(t);
      await writeFile(join(bench.folder, 'launch.1'), '{"pid":1,"stdoutFrom":0}\n');
      await writeFile(join(bench.folder, 'exit.json'), record);
      assert.equal((await (await bench.attach()).ended).how, 'lost');
    }
  });
});

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

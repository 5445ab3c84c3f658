import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { findPlace, placeName } from '../../../../src/infrastructure/process/tree/identity.ts';
import { until } from '../../../helpers/waiting.ts';
import { type Bench, makeBench, processesWith, rareSeconds } from '../test-bench.ts';

const script = readFileSync(
  new URL('../../../fixtures/wrappers/0.1.0.sh', import.meta.url),
  'utf8',
).trimEnd();

/** Starts the bench's agent like MAOS 0.1.0. */
function startOld(t: TestContext, { folder, agent }: Bench, args: readonly string[]): ChildProcess {
  const stdout = openSync(join(folder, 'stdout.log'), 'a');
  const stderr = openSync(join(folder, 'stderr.log'), 'a');
  const mark = `MAOS_AGENT_ID=${agent.id}`;
  const wrapper = spawn('/bin/sh', ['-c', script, mark, '1', folder, '0', '0', '22', '/bin/sh', ...args], {
    cwd: folder,
    env: { ...process.env, MAOS_AGENT_ID: agent.id },
    detached: true,
    stdio: ['ignore', stdout, stderr],
  });
  t.after(() => wrapper.kill('SIGKILL'));
  return wrapper;
}

/** A process that leads a session and carries the agent's mark, like every version's wrapper. */
async function startLeader(t: TestContext, { agent }: Bench): Promise<ChildProcess> {
  const env = { ...process.env, MAOS_AGENT_ID: agent.id, MAOS_AGENT_ATTEMPT: '1' };
  const leader = spawn('sleep', [rareSeconds()], { env, detached: true, stdio: 'ignore' });
  t.after(() => leader.kill('SIGKILL'));
  await once(leader, 'spawn');
  return leader;
}

async function claimFromFuture(bench: Bench, claim: Readonly<Record<string, unknown>>): Promise<void> {
  const place = placeName(await findPlace());
  const text = JSON.stringify({ protocol: 99, stdoutFrom: 0, stderrFrom: 0, place, ...claim });
  await writeFile(join(bench.folder, 'launch.1'), `${text}\n`);
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => (exitCode ?? signalCode) === null;

suite('an agent of MAOS 0.1.0', { concurrency: true }, () => {
  test('that still runs is followed, suspended, stopped and settled, and said to be one', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    startOld(t, bench, [
      '-c',
      'trap "echo asked; exit 7" TERM; echo ready; sleep "$1" & wait; echo no',
      'sh',
      seconds,
    ]);
    await until(() => existsSync(join(bench.folder, 'launch.1')), 'the claim');
    const running = await bench.attach();
    assert.match(running.note ?? '', /older maos started it \(wrapper protocol 0/);
    assert.equal(running.unreachable, undefined);
    await bench.output.heard('ready');
    await running.suspend();
    await running.resume();
    assert.equal((await running.stop(20_000)).survivors, 0);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 7);
    assert.equal(bench.output.text, 'ready\nasked\n');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('that has ended meanwhile is settled by its record', async (t) => {
    const bench = await makeBench(t);
    const wrapper = startOld(t, bench, ['-c', 'echo done; exit 5']);
    await once(wrapper, 'exit');
    const end = await (await bench.attach()).ended;
    assert.equal(end.how === 'exited' && end.exitCode, 5);
    assert.equal(bench.output.text, 'done\n');
  });

  test('whose wrapper was killed is lost, and what it left running is ended', async (t) => {
    const bench = await makeBench(t);
    const seconds = rareSeconds();
    const wrapper = startOld(t, bench, ['-c', 'echo ready; sleep "$1"; :', 'sh', seconds]);
    await until(() => existsSync(join(bench.folder, 'launch.1')), 'the claim');
    const running = await bench.attach();
    await bench.output.heard('ready');
    wrapper.kill('SIGKILL');
    assert.equal((await running.ended).how, 'lost');
    assert.deepEqual(await processesWith(seconds), []);
  });

  test('that has not claimed its launch yet is fenced: it never runs', async (t) => {
    const bench = await makeBench(t);
    assert.equal((await (await bench.attach()).ended).how, 'never_started');
    const [status] = await once(startOld(t, bench, ['-c', 'echo ran']), 'exit');
    assert.equal(status, 125);
    assert.equal(await readFile(join(bench.folder, 'stdout.log'), 'utf8'), '');
  });
});

suite('an agent of a newer MAOS', { concurrency: true }, () => {
  test('is followed by its files and not signalled while its wrapper lives', async (t) => {
    const bench = await makeBench(t);
    const wrapper = await startLeader(t, bench);
    const child = await startLeader(t, bench);
    await writeFile(join(bench.folder, 'stdout.log'), 'hello\n');
    await claimFromFuture(bench, { pid: wrapper.pid });
    const running = await bench.attach();
    assert.match(running.unreachable ?? '', /newer maos started it \(wrapper protocol 99/);
    await bench.output.heard('hello');
    assert.deepEqual(await running.stop(0), { signals: [], survivors: 1, tookMs: 0 });
    await assert.rejects(running.suspend(), /cannot be suspended\. A newer maos/);
    assert.deepEqual([wrapper, child].map(isAlive), [true, true]);

    await writeFile(join(bench.folder, 'exit.json'), '{"attempt":1,"status":3,"something":"new"}\n');
    wrapper.kill();
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    // Node reports its own child's end one turn after MAOS has noticed it.
    await until(() => !isAlive(child), 'the end of what it left behind');
  });

  test('is lost when its wrapper ends without a record', async (t) => {
    const bench = await makeBench(t);
    const wrapper = await startLeader(t, bench);
    await claimFromFuture(bench, { pid: wrapper.pid });
    const running = await bench.attach();
    wrapper.kill('SIGKILL');
    assert.equal((await running.ended).how, 'lost');
  });

  test('is not another process that has the pid of its wrapper by now', async (t) => {
    const bystander = spawn('sleep', [rareSeconds()], { detached: true });
    t.after(() => bystander.kill());
    await once(bystander, 'spawn');
    const bench = await makeBench(t);
    await claimFromFuture(bench, { pid: bystander.pid });
    const running = await bench.attach();
    await running.stop(0);
    assert.equal((await running.ended).how, 'lost');
    assert.equal(isAlive(bystander), true);
  });

  test('that a newer MAOS has fenced never starts', async (t) => {
    const bench = await makeBench(t);
    await claimFromFuture(bench, { barred: true });
    assert.equal((await (await bench.attach()).ended).how, 'never_started');
  });
});

test('a launch says which version of the protocol its wrapper follows', async (t) => {
  const bench = await makeBench(t);
  const running = await bench.start('true');
  await running.ended;
  assert.equal(JSON.parse(await readFile(join(bench.folder, 'launch.1'), 'utf8')).protocol, 1);
  const again = await bench.attach();
  assert.deepEqual([again.note, again.unreachable], [undefined, undefined]);
  const barred = await makeBench(t);
  await barred.attach();
  assert.deepEqual(JSON.parse(await readFile(join(barred.folder, 'launch.1'), 'utf8')), {
    protocol: 1,
    barred: true,
  });
});

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { requestPause, requestResume, waitForSession } from '../../../src/application/control/control.ts';
import type { Settings } from '../../../src/application/ports/settings.ts';
import { isSessionEnded } from '../../../src/domain/session.ts';
import type { AgentJson } from '../../../src/presentation/contracts/plan-input.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

const noLimits = { stallMs: null, maxOutputBytes: null, afterResultMs: null, maxSubagents: null };

function withClock(t: TestContext, limits: Partial<Settings['limits']>) {
  const clock = new SteeredClock();
  return { clock, real: realProject(t, { clock, settings: { limits: { ...noLimits, ...limits } } }) };
}

/** Runs a team that is sampled as often as the machine can. */
async function runWatched(real: RealProject, clock: SteeredClock, agents: readonly AgentJson[]) {
  const unlimited = agents.map((agent) => ({ ...agent, timeout_minutes: 10_000 }));
  const id = await start(real, unlimited);
  await clock.passUntil(() => isSessionEnded(real.project.store.summary(id).session.state), 3_000);
  return settled(real, id);
}

describe('an agent that does nothing', () => {
  it('is stopped as stalled, with what was measured; one that works or prints is not', async (t) => {
    if (lacksProcesses(t, 'its program is more than the memory shell can run')) return;
    const { real, clock } = withClock(t, { stallMs: 8_000 });
    const gate = new Gate(real.root, 'over');
    const work = 'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done';
    const id = await start(real, [
      shell('idle', 'echo began; sleep 300'),
      shell('printing', `until ${gate.test}; do echo more; echo >>printing.did; sleep 0.05; done`),
      shell('working', `until ${gate.test}; do ${work}; echo >>working.did; done; echo worked`),
    ]);
    await eventOf(real, id, 'agent.spawned', 'idle');
    const did = (name: string) =>
      statSync(join(real.root, `${name}.did`), { throwIfNoEntry: false })?.size ?? 0;
    while (outcome(real, id).agent('idle').state === 'running') {
      // Time advances only as fast as the other agents work.
      const [printed, worked] = [did('printing'), did('working')];
      await until(() => did('printing') > printed + 1 && did('working') > worked + 1);
      await clock.pass(2_000);
    }
    gate.openNow();
    const done = await settled(real, id);
    assert.equal(done.agent('idle').failure?.kind, 'stalled');
    assert.match(
      done.agent('idle').failure?.message ?? '',
      /^It printed nothing and used no CPU for \d+(\.\d)? s \(limit 8 s.*6 bytes printed/,
    );
    assert.deepEqual(agentProcesses([done.agent('idle').id]), []);
    for (const name of ['printing', 'working']) {
      assert.equal(done.agent(name).state, 'completed', `${name}: ${done.agent(name).failure?.message}`);
    }
  });

  it('because it was suspended is not stalled', async (t) => {
    const { real, clock } = withClock(t, { stallMs: 6_000 });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await waitForSession(real.project, id, { signal: AbortSignal.timeout(20_000) });
    await clock.passSteps(30, 1_000);
    assert.equal(outcome(real, id).agent('a').state, 'running');
    gate.openNow();
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    assert.equal((await settled(real, id)).state, 'completed');
  });
});

describe('an agent over its memory', () => {
  it('is stopped, its whole tree counted', async (t) => {
    if (lacksProcesses(t, 'its program is more than the memory shell can run')) return;
    const { real, clock } = withClock(t, {});
    const hog = `'${process.execPath}' -e "const a=Buffer.alloc(120*2**20,1);setInterval(()=>a,1e3)"`;
    const done = await runWatched(real, clock, [
      shell('hog', `${hog} & ${hog} & wait`, { max_memory_mb: 200 }),
      shell('modest', 'sleep 0.1; echo fine', { max_memory_mb: 200 }),
    ]);
    const { id, failure } = done.agent('hog');
    assert.equal(failure?.kind, 'memory_limit');
    const [, processes, used] =
      /^Its (\d+) processes used ([\d.]+) MiB of memory, more than its limit of 200 MiB/.exec(
        failure?.message ?? '',
      ) ?? assert.fail(failure?.message);
    assert.ok(Number(processes) >= 3 && Number(used) > 200);
    assert.deepEqual(agentProcesses([id]), []);
    assert.equal(done.agent('modest').state, 'completed');
  });
});

describe('memory that processes share', { skip: process.platform !== 'linux' }, () => {
  it('is counted once before an agent is stopped for it; what each of them writes is its own', async (t) => {
    if (lacksProcesses(t, 'its program is more than the memory shell can run')) return;
    const { real, clock } = withClock(t, {});
    // Each child uses CPU, so that several samples include it.
    const forks = (child: string) =>
      `python3 -c "
import os, time
held = bytearray(b'x' * (100 << 20))
for _ in range(6):
    if os.fork() == 0:
        ${child}
        while time.process_time() < 0.3: pass
        os._exit(0)
for _ in range(6): os.wait()
"`;
    const done = await runWatched(real, clock, [
      shell('sharing', forks('pass'), { max_memory_mb: 400 }),
      shell('writing', forks('held[::4096] = bytes(len(held) // 4096); time.sleep(60)'), {
        max_memory_mb: 400,
      }),
    ]);
    assert.equal(done.agent('sharing').state, 'completed', `${done.agent('sharing').failure?.message}`);
    assert.equal(
      done.agent('writing').failure?.kind,
      'memory_limit',
      `${done.agent('writing').failure?.message}`,
    );
  });
});

describe('an agent that prints too much', () => {
  it('is stopped, whichever stream it uses, and also when it obeys with status 0', async (t) => {
    if (lacksProcesses(t, 'its program is more than the memory shell can run')) return;
    // The machine's own clock: whether a program had ended before it was asked to is told by the time it wrote down.
    const real = realProject(t, { settings: { limits: { ...noLimits, maxOutputBytes: 100_000 } } });
    const loop = (to: string) => `trap 'exit 0' TERM; while :; do head -c 5000 /dev/zero ${to}; done`;
    const done = await run(real, [
      shell('out', loop('')),
      shell('err', loop('>&2')),
      shell('within', 'head -c 90000 /dev/zero'),
    ]);
    for (const name of ['out', 'err']) {
      assert.equal(done.agent(name).failure?.kind, 'output_limit', name);
      assert.match(done.agent(name).failure?.message ?? '', /^It printed [\d.]+ MiB, more than its limit/);
    }
    assert.equal(done.agent('within').state, 'completed');
  });
});

describe('memory of the machine', () => {
  it('that is short lets agents wait, says why with numbers, and starts them when it is there', async (t) => {
    let free = 5_000;
    const machine = { freeMemoryMb: () => free, totalMemoryMb: () => 8_000 };
    const clock = new SteeredClock();
    const real = realProject(t, { machine, clock });
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [
      shell('small', gate.wait, { max_memory_mb: 1_000 }),
      shell('large', 'echo large', { max_memory_mb: 6_000 }),
      // It came later and does not overtake.
      shell('tiny', 'echo tiny', { max_memory_mb: 100 }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'small');
    const waiting = await eventOf(real, id, 'agent.waiting', 'large');
    assert.deepEqual(waiting.data, { name: 'large', cause: 'memory', freeMb: 5_000, neededMb: 6_000 });
    free = 5_500;
    gate.openNow();
    // Nothing of its session runs any more, and still it waits.
    await eventOf(real, id, 'agent.completed', 'small');
    await clock.passSteps(20, 1_000);
    assert.equal(outcome(real, id).agent('large').state, 'pending');
    free = 6_500;
    await clock.passUntil(() => outcome(real, id).agent('large').state !== 'pending');
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.equal(done.of('agent.waiting', 'large').length, 1, 'said once');
  });

  it('that there never is refuses the plan before anything is stored', async (t) => {
    const machine = { freeMemoryMb: () => 1_000, totalMemoryMb: () => 2_000 };
    const real = realProject(t, { machine });
    await assert.rejects(start(real, [shell('a', 'true', { max_memory_mb: 3_000 })]), {
      code: 'RESOURCE_LIMIT_EXCEEDED',
      message:
        'Agent a needs 3000 MiB of memory, and this machine has 2000 MiB: give it a smaller max_memory_mb.',
    });
    assert.deepEqual(real.project.store.list({ limit: 1 }), []);
    // What a role usually needs is no reason to refuse it.
    const { role } = { role: 'backend_engineer' };
    const done = await run(real, [{ ...shell('b', 'echo ok'), role }]);
    assert.deepEqual([done.state, done.agent('b').maxMemoryMb], ['completed', 1_000]);
  });
});

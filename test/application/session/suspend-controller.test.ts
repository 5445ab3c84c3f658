import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunningAgent } from '../../../src/application/ports/agent-host.ts';
import { SuspendController } from '../../../src/application/session/suspend-controller.ts';
import { WakeSignal } from '../../../src/application/session/wake-signal.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';

/** Processes that take as long as the test says to stand still or to go on. */
function slowProcesses() {
  const asked: string[] = [];
  let done = (): void => {};
  const follow = (what: string): Promise<void> => {
    asked.push(what);
    return new Promise((resolve) => {
      done = resolve;
    });
  };
  const running: RunningAgent = {
    location: { kind: 'test', label: 'no process', data: {} },
    takesInput: false,
    isCaughtUp: () => true,
    ended: new Promise(() => {}),
    stop: () => assert.fail('nobody stops it'),
    suspend: () => follow('suspend'),
    resume: () => follow('resume'),
    send: () => assert.fail('nobody sends it anything'),
    closeInput: () => assert.fail('nobody sends it anything'),
    sample: async () => null,
    memory: async () => null,
  };
  return { running, asked, finish: () => done() };
}

function controllerOf(running: RunningAgent) {
  const told: string[] = [];
  const controller = new SuspendController(
    {
      clock: systemClock,
      changed: () => told.push(controller.state),
      trouble: (message, error) => assert.fail(`${message}: ${error}`),
    },
    false,
  );
  controller.begin(running);
  return { controller, told };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what stands still', () => {
  it('tells of it once, however often it is asked to', async () => {
    const processes = slowProcesses();
    const { controller, told } = controllerOf(processes.running);
    controller.suspend();
    controller.suspend();
    assert.equal(controller.state, 'changing');
    processes.finish();
    await turn();
    controller.suspend();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend'], ['suspended']]);
    controller.resume();
    processes.finish();
    await turn();
    controller.resume();
    await turn();
    assert.deepEqual(
      [processes.asked, told],
      [
        ['suspend', 'resume'],
        ['suspended', 'running'],
      ],
    );
  });

  it('follows what was asked last', async () => {
    const processes = slowProcesses();
    const { controller, told } = controllerOf(processes.running);
    controller.suspend();
    controller.resume();
    processes.finish();
    await turn();
    assert.deepEqual(told, []);
    processes.finish();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend', 'resume'], ['running']]);
  });

  it('lets a loop that asks again whenever it is told sleep until the slowest has followed', async () => {
    const wakeSignal = new WakeSignal(systemClock);
    const all = [slowProcesses(), slowProcesses()];
    const agents = all.map(({ running }) => {
      const callbacks = { clock: systemClock, changed: () => wakeSignal.notify(), trouble: () => {} };
      const controller = new SuspendController(callbacks, false);
      controller.begin(running);
      return controller;
    });
    let rounds = 0;
    const loop = (async () => {
      while (agents.some(({ state }) => state !== 'suspended')) {
        rounds++;
        for (const agent of agents) agent.suspend();
        await wakeSignal.wait();
      }
    })();
    for (let turns = 0; turns < 10; turns++) await turn();
    all[0]?.finish();
    for (let turns = 0; turns < 10; turns++) await turn();
    all[1]?.finish();
    await loop;
    // The first sleep is none: an alarm begins rung.
    assert.equal(rounds, 3);
  });
});

describe('a loop that rings for itself', () => {
  it('leaves the rest of the process its turn', async () => {
    const wakeSignal = new WakeSignal(systemClock);
    let isOver = false;
    setImmediate(() => {
      isOver = true;
    });
    // Were it not so, this would never end.
    for (let rounds = 0; !isOver; rounds++) {
      assert.ok(rounds < 100, 'nothing else had its turn');
      wakeSignal.notify();
      await wakeSignal.wait();
    }
  });
});

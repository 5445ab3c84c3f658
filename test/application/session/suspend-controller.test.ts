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
    ended: new Promise(() => {}),
    stop: () => assert.fail('nobody stops it'),
    suspend: () => follow('suspend'),
    proceed: () => follow('proceed'),
    send: () => assert.fail('nobody sends it anything'),
    closeInput: () => assert.fail('nobody sends it anything'),
    sample: async () => null,
    memory: async () => null,
  };
  return { running, asked, finish: () => done() };
}

function standstillOf(running: RunningAgent) {
  const told: string[] = [];
  const suspendController = new SuspendController(
    {
      clock: systemClock,
      changed: () => told.push(suspendController.state),
      trouble: (message, error) => assert.fail(`${message}: ${error}`),
    },
    false,
  );
  suspendController.begin(running);
  return { suspendController, told };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what stands still', () => {
  it('tells of it once, however often it is asked to', async () => {
    const processes = slowProcesses();
    const { suspendController, told } = standstillOf(processes.running);
    suspendController.hold();
    suspendController.hold();
    assert.equal(suspendController.state, 'changing');
    processes.finish();
    await turn();
    suspendController.hold();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend'], ['held']]);
    suspendController.release();
    processes.finish();
    await turn();
    suspendController.release();
    await turn();
    assert.deepEqual(
      [processes.asked, told],
      [
        ['suspend', 'proceed'],
        ['held', 'free'],
      ],
    );
  });

  it('follows what was asked last', async () => {
    const processes = slowProcesses();
    const { suspendController, told } = standstillOf(processes.running);
    suspendController.hold();
    suspendController.release();
    processes.finish();
    await turn();
    assert.deepEqual(told, []);
    processes.finish();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend', 'proceed'], ['free']]);
  });

  it('lets a loop that asks again whenever it is told sleep until the slowest has followed', async () => {
    const wakeSignal = new WakeSignal(systemClock);
    const all = [slowProcesses(), slowProcesses()];
    const agents = all.map(({ running }) => {
      const keeper = { clock: systemClock, changed: () => wakeSignal.ring(), trouble: () => {} };
      const suspendController = new SuspendController(keeper, false);
      suspendController.begin(running);
      return suspendController;
    });
    let rounds = 0;
    const loop = (async () => {
      while (agents.some(({ state }) => state !== 'held')) {
        rounds++;
        for (const agent of agents) agent.hold();
        await wakeSignal.sleep();
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
      wakeSignal.ring();
      await wakeSignal.sleep();
    }
  });
});

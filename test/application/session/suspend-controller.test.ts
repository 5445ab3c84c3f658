import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunningAgent } from '../../../src/application/ports/agent-host.ts';
import { Standstill } from '../../../src/application/session/suspend-controller.ts';
import { Alarm } from '../../../src/application/session/wake-signal.ts';
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
    where: {},
    ended: new Promise(() => {}),
    stop: () => assert.fail('nobody stops it'),
    suspend: () => follow('suspend'),
    proceed: () => follow('proceed'),
    sample: async () => null,
    memory: async () => null,
  };
  return { running, asked, finish: () => done() };
}

function standstillOf(running: RunningAgent) {
  const told: string[] = [];
  const standstill = new Standstill(
    {
      clock: systemClock,
      changed: () => told.push(standstill.state),
      trouble: (message, error) => assert.fail(`${message}: ${error}`),
    },
    false,
  );
  standstill.begin(running);
  return { standstill, told };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what stands still', () => {
  it('tells of it once, however often it is asked to', async () => {
    const processes = slowProcesses();
    const { standstill, told } = standstillOf(processes.running);
    standstill.hold();
    standstill.hold();
    assert.equal(standstill.state, 'changing');
    processes.finish();
    await turn();
    standstill.hold();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend'], ['held']]);
    standstill.release();
    processes.finish();
    await turn();
    standstill.release();
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
    const { standstill, told } = standstillOf(processes.running);
    standstill.hold();
    standstill.release();
    processes.finish();
    await turn();
    assert.deepEqual(told, []);
    processes.finish();
    await turn();
    assert.deepEqual([processes.asked, told], [['suspend', 'proceed'], ['free']]);
  });

  it('lets a loop that asks again whenever it is told sleep until the slowest has followed', async () => {
    const alarm = new Alarm(systemClock);
    const all = [slowProcesses(), slowProcesses()];
    const agents = all.map(({ running }) => {
      const keeper = { clock: systemClock, changed: () => alarm.ring(), trouble: () => {} };
      const standstill = new Standstill(keeper, false);
      standstill.begin(running);
      return standstill;
    });
    let rounds = 0;
    const loop = (async () => {
      while (agents.some(({ state }) => state !== 'held')) {
        rounds++;
        for (const agent of agents) agent.hold();
        await alarm.sleep();
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
    const alarm = new Alarm(systemClock);
    let isOver = false;
    setImmediate(() => {
      isOver = true;
    });
    // Were it not so, this would never end.
    for (let rounds = 0; !isOver; rounds++) {
      assert.ok(rounds < 100, 'nothing else had its turn');
      alarm.ring();
      await alarm.sleep();
    }
  });
});

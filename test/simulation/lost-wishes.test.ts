import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomOf } from '../helpers/random.ts';
import { Home, HomeAgent, makeOrder } from './home.ts';
import { Box, World } from './world.ts';

const calm = { lost: 0, slow: 0, repeated: 0 };
const errand = { isRerunOnLost: true, cancelAtMs: null, pause: null, sendAtMs: [] };

describe('a wish that the NATS server loses', () => {
  it('to end a given-up attempt is made again, although the next attempt has just ended', async () => {
    const world = new World(randomOf(1), calm, ({ attempt }) => ({
      prints: attempt === 1 ? [] : [{ afterMs: 10_000, stream: 'stdout', text: 'Done.\n' }],
      status: attempt === 1 ? null : 0,
    }));
    const { time, engine, tampered } = world;
    tampered.homeFleet = (fleet) => ({
      ...fleet,
      // The first that a home does when it has been told of an end.
      get: async (blob) => {
        const files = await fleet.get(blob);
        engine.kill();
        engine.wipe();
        engine.restart();
        return files;
      },
    });
    const agent = new HomeAgent(makeOrder(0, 0), errand);
    const home = new Home(world, 'a'.repeat(64), [agent]);
    const [first, second] = [new Box(world, 'first', 1), new Box(world, 'second', 1)];
    first.start(null);
    home.start(null);
    await time.pass(30_000, () => first.machine.running.length > 0);
    await time.pass(5_000);
    first.life.kill();
    second.start(null);
    await time.pass(120_000, () => second.machine.running.length > 0);
    await time.pass(2_000);
    // The next process has seen no earlier attempt.
    home.life.kill();
    home.start(null);
    await time.pass(120_000, () => agent.isDone);
    assert.deepEqual(
      agent.attempts.map(({ end }) => (end === null || end === 'failed' ? end : end.how)),
      ['lost', 'exited'],
    );
    assert.equal(engine.wipes, 1);
    assert.equal(first.machine.running.length, 1);

    first.start(null);
    await time.pass(120_000, () => first.machine.running.length === 0);

    assert.deepEqual(first.machine.running, []);
    assert.deepEqual(world.faults, []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { player, refusal, startsOf, success, turn } from '../helpers/fake-claude.ts';
import { Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

/** A time that a provider can name, some seconds from now. */
const soon = (seconds: number): Date => new Date((Math.ceil(Date.now() / 1_000) + seconds) * 1_000);

describe('a host whose provider refuses it', () => {
  it('says until when, also after a restart; agents of every home wait for that, and then go on', {
    timeout: 180_000,
  }, async (t) => {
    const machines = await Machines.start(t);
    const url = machines.server.url;
    machines.configure('home', { remote: { url }, quota: { baseDelaySeconds: 0.1, maxDelaySeconds: 1 } });
    machines.playClaude();
    await machines.startHost('--slots', '2');
    const accepts = soon(45);
    const named = accepts.toISOString();
    const plays = [refusal(accepts), [turn(5), success('Done.')]];
    const id = await machines.begin([
      player(machines.folder, 'first', plays, { pool: 'gpu', max_memory_mb: 256 }),
    ]);
    const held = async () =>
      (await machines.json('host', 'list')).hosts[0]?.backends.find(
        ({ name }: { name: string }) => name === 'claude',
      )?.held_until;
    await until(async () => (await held()) === named, 'the quota in the list of hosts');
    await machines.killHost();
    await machines.startHost('--slots', '2');
    await until(async () => (await held()) === named, 'the quota after a restart');
    const other = await machines.begin([
      player(machines.folder, 'second', [[turn(5), success('Done too.')]], {
        pool: 'gpu',
        max_memory_mb: 256,
      }),
    ]);
    const told = async (session: string) => (await machines.maos('home', 'events', session, '--json')).stdout;
    for (const session of [id, other]) {
      await until(async () => (await machines.status(session)).state === 'completed', 'the end').catch(
        async (error) => assert.fail(`${error}; ${machines.hostOutput}; ${await told(session)}`),
      );
    }
    assert.ok(new Date() >= accepts);
    assert.deepEqual(
      [startsOf(machines.folder, 'first').length, startsOf(machines.folder, 'second').length],
      [2, 1],
    );
    for (const session of [id, other]) {
      const stdout = await told(session);
      assert.ok(stdout.includes(`box has used up its quota of claude until ${named}`), stdout);
      assert.ok(!stdout.includes('session.paused'), stdout);
    }
    assert.equal(await held(), null);
    assert.match(machines.hostOutput, new RegExp(`out of quota: claude until ${named}`));
  });
});

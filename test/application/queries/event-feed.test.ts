import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChangeWatcher } from '../../../src/application/change-watcher.ts';
import { waitForSession } from '../../../src/application/control/control.ts';
import { followEvents } from '../../../src/application/queries/event-feed.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, outcome, realProject, run, settled, shell, start } from '../../helpers/real-project.ts';
import { giveTimeTo, until } from '../../helpers/waiting.ts';
import { created, instanceId } from '../../infrastructure/sqlite/samples.ts';

const script = fileURLToPath(
  new URL('../../infrastructure/sqlite/fixtures/store-process.ts', import.meta.url),
);

describe('the events of a session', () => {
  it('come without gap or repeat while another process writes them as fast as it can', async (t) => {
    const real = realProject(t);
    const { store } = real.project;
    const lease = store.create(created(), instanceId());
    const id = lease.sessionId;
    const args = [script, 'commitForever', real.database, id, lease.owner, String(lease.epoch)];
    const writer = spawn(process.execPath, ['--no-warnings', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Until it has ended, it may hold the lock and disturb the next test.
    const exited = once(writer, 'exit');
    t.after(async () => {
      writer.kill('SIGKILL');
      await exited;
    });
    await once(writer.stdout, 'data');
    writer.stdout.resume();
    const enough = 2_000;
    // Two followers that begin at different times, while events are written.
    const follow = async (after: number): Promise<void> => {
      const stop = new AbortController();
      let expected = after + 1;
      for await (const events of followEvents(real.project, id, after, stop.signal)) {
        for (const { seq } of events) assert.equal(seq, expected++);
        if (expected > enough) stop.abort();
      }
      assert.ok(expected > enough);
    };
    await Promise.all([follow(0), follow(store.lastSeq(id))]);
    writer.kill('SIGKILL');
  });

  it('of another MAOS are heard of as they happen', async (t) => {
    const real = realProject(t);
    const other = await otherMaos(t, real);
    const gate = new Gate(real.root, 'go');
    const id = await other.start({
      objective: 'x',
      agents: [shell('a', gate.wait), shell('b', 'true', { depends_on: ['a'] })],
    });
    const heard: string[] = [];
    await waitForSession(real.project, id, {
      signal: AbortSignal.timeout(20_000),
      after: 0,
      onEvents: (events) => {
        heard.push(...events.map(({ type }) => type));
        // The session continues and ends only if its first events were received.
        gate.openNow();
      },
    });
    assert.equal(heard.at(-1), 'session.completed');
  });

  it('end with the signal, at once, and nothing is watched any more', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'true')]);
    let looks = 0;
    const { store } = real.project;
    const counted = {
      ...real.project,
      store,
      watcher: new ChangeWatcher({ dataVersion: () => looks++ }, systemClock, { intervalMs: 1 }),
    };
    const stop = new AbortController();
    const heard: number[] = [];
    const following = (async () => {
      for await (const events of followEvents(counted, id, 0, stop.signal)) heard.push(events.length);
    })();
    await until(() => looks >= 3);
    stop.abort();
    await following;
    assert.deepEqual(heard, [outcome(real, id).events.length]);
    const before = looks;
    await giveTimeTo('look again', 30);
    assert.equal(looks, before);
  });

  it('of a session that does not exist are refused', async (t) => {
    const real = realProject(t);
    const unknown = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYZ' as SessionId;
    const events = followEvents(real.project, unknown, 0, AbortSignal.timeout(10_000));
    await assert.rejects(events.next(), { code: 'SESSION_NOT_FOUND' });
  });
});

describe('waiting for a session', () => {
  it('ends at once for one that has ended, and hears all that happened', async (t) => {
    const real = realProject(t);
    const { id, events } = await run(real, [shell('a', 'true')]);
    const heard: number[] = [];
    const waited = await waitForSession(real.project, id, {
      signal: AbortSignal.timeout(10_000),
      after: 2,
      onEvents: (news) => heard.push(...news.map(({ seq }) => seq)),
    });
    assert.equal(waited.settled, true);
    assert.deepEqual(
      heard,
      events.slice(2).map(({ seq }) => seq),
    );
  });

  it('can be called off, and says that the session goes on', async (t) => {
    const real = realProject(t);
    const gate = new Gate(real.root, 'go');
    const id = await start(real, [shell('a', gate.wait)]);
    await eventOf(real, id, 'agent.spawned', 'a');
    const waited = await waitForSession(real.project, id, { signal: AbortSignal.timeout(100) });
    assert.deepEqual([waited.settled, waited.summary.session.state], [false, 'running']);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
  });
});

describe('a watcher', () => {
  it('outlives a store that cannot be asked for a while', async () => {
    let asked = 0;
    const store = {
      dataVersion(): number {
        asked += 1;
        if (asked > 1 && asked < 4) throw new Error('disk I/O error');
        return asked;
      },
    };
    const watcher = new ChangeWatcher(store, systemClock, { intervalMs: 1 });
    const alive = setInterval(() => {}, 1_000);
    await new Promise<void>((resolve) => watcher.subscribe(resolve)).finally(() => clearInterval(alive));
    assert.ok(asked >= 4);
  });
});

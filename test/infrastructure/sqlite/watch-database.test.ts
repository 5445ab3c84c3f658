import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChangeWatcher, type WatchStore } from '../../../src/application/change-watcher.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { watchDatabase } from '../../../src/infrastructure/sqlite/watch-database.ts';
import { until } from '../../helpers/waiting.ts';
import { created, instanceId, tempStore } from './samples.ts';

/** Without polling timers, so that only reported writes are noticed. */
const impatientClock: Clock = {
  now: () => systemClock.now(),
  elapsedMs: () => systemClock.elapsedMs(),
  after: (ms, callback) => (ms <= 20 ? systemClock.after(ms, callback) : () => {}),
};

describe('a watched database', () => {
  it('tells what others write, each time, until nobody listens', async (t) => {
    const store = tempStore(t);
    const other = tempStore(t, store.file);
    let told = 0;
    let watches = 0;
    const watchStore: WatchStore = (onWrite, onLost) => {
      const unwatch = watchDatabase(store.file, onWrite, onLost);
      if (unwatch === null) return null;
      watches += 1;
      return () => {
        watches -= 1;
        unwatch();
      };
    };
    const watcher = new ChangeWatcher(store, process.platform === 'linux' ? impatientClock : systemClock, {
      watchStore,
    });
    const stop = watcher.subscribe(() => {
      told += 1;
    });
    assert.equal(watches, process.platform === 'linux' ? 1 : 0);
    for (const wanted of [1, 2, 3]) {
      other.create(created(), instanceId());
      await until(() => told >= wanted);
    }
    stop();
    assert.equal(watches, 0);
  });

  it('is looked at as before where nobody tells, from the beginning or from some time on', async () => {
    for (const isLost of [false, true]) {
      let onLost = (): void => {};
      const waits: number[] = [];
      let fire = (): void => {};
      const clock: Clock = {
        ...impatientClock,
        after: (ms, callback) => {
          if (ms < 20) return () => {};
          waits.push(ms);
          fire = callback;
          return () => {};
        },
      };
      const watchStore: WatchStore = (_, lost) => {
        onLost = lost;
        return isLost ? () => {} : null;
      };
      const watcher = new ChangeWatcher({ dataVersion: () => 1 }, clock, { watchStore });
      const stop = watcher.subscribe(() => {});
      onLost();
      fire();
      assert.deepEqual(waits, isLost ? [250, 20] : [20, 20]);
      stop();
    }
  });

  it('cannot be watched where there is no folder', () => {
    assert.equal(
      watchDatabase(
        '/nowhere/at/all/project.db',
        () => {},
        () => {},
      ),
      null,
    );
  });
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { sessionEvent } from '../../../src/domain/events.ts';
import { startSession } from '../../../src/domain/session-life.ts';
import { migrate } from '../../../src/infrastructure/sqlite/migrate.ts';
import { projectMigrations } from '../../../src/infrastructure/sqlite/migrations.ts';
import { ended, feedStoreContract, fourEvents } from '../../helpers/feed-store-contract.ts';
import { runStoreProcess } from './child.ts';
import { at, created, instanceId, later, sessionId, tempFolder, tempStore } from './samples.ts';

feedStoreContract(tempStore);

describe('the feed', () => {
  it('has all events of the project in the order they were stored, whoever stored them', async (t) => {
    const store = tempStore(t);
    assert.deepEqual(
      [store.feed.origin(), store.feed.lastPosition(), store.feed.eventsAfter(0, 10)],
      [null, 0, []],
    );
    const others = [1, 2].map(() => runStoreProcess(t, 'createSessions', [store.file, '20']));
    for (const other of others) await other.next();
    for (const other of others) other.process.stdin?.write('go\n');
    const seen: number[] = [];
    const follow = (): void => {
      for (const { position } of store.feed.eventsAfter(seen.at(-1) ?? 0, 7)) seen.push(position);
    };
    const finished = Promise.all(others.map((other) => other.finish()));
    let running = true;
    void finished.finally(() => {
      running = false;
    });
    while (running) {
      follow();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await finished;
    while ((seen.at(-1) ?? 0) < store.feed.lastPosition()) follow();
    assert.equal(seen.length, 2 * 20 * 4);
    assert.deepEqual(
      seen,
      seen.map((_, index) => index + 1),
    );
    for (const { session } of store.list({ limit: 100 })) {
      const own = store.feed
        .eventsAfter(0, 1_000)
        .flatMap(({ event }) => (event.sessionId === session.id ? [event] : []));
      assert.deepEqual(own, store.events(session.id, 0, 100));
    }
  });

  it('has those of one session, found without looking at the others', (t) => {
    const store = tempStore(t);
    const [first, second] = [fourEvents(store), fourEvents(store)];
    assert.deepEqual(
      store.feed.eventsAfter(0, 10, first).map(({ position }) => position),
      [1, 2, 3, 4],
    );
    assert.deepEqual(
      store.feed.eventsAfter(6, 1, second).map(({ position, event }) => [position, event.seq]),
      [[7, 3]],
    );
    assert.deepEqual(store.feed.eventsAfter(4, 10, first), []);
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    const plan = db
      .prepare(
        'EXPLAIN QUERY PLAN SELECT place FROM events WHERE session_id = ? AND +place > ? ORDER BY seq LIMIT 5',
      )
      .all('x', 0)
      .map(({ detail }) => detail);
    assert.deepEqual(plan, ['SEARCH events USING COVERING INDEX sqlite_autoindex_events_1 (session_id=?)']);
  });

  it('never gives a position out twice, also when everything is removed, and leaves none out', (t) => {
    const store = tempStore(t);
    const gone = [ended(store), ended(store)];
    const last = store.feed.lastPosition();
    assert.equal(last, 4);
    assert.equal(store.maintenance.removeEnded(gone, later, 10_000).removed.length, 2);
    assert.deepEqual([store.feed.lastPosition(), store.feed.eventsAfter(0, 10)], [last, []]);
    const change = created();
    const lease = store.create(change, instanceId());
    const stray = sessionEvent('session.started', sessionId(), at, {});
    assert.throws(() => store.commit({ ...lease, epoch: 7 }, change.next, startSession(change.next, at)));
    assert.throws(() => store.commit(lease, change.next, { next: change.next, events: [stray] }));
    store.commit(lease, change.next, startSession(change.next, at));
    assert.deepEqual(
      store.feed.eventsAfter(0, 10).map(({ position }) => position),
      [5, 6],
    );
    const db = new DatabaseSync(store.file);
    db.exec('VACUUM');
    db.close();
    assert.deepEqual(
      store.feed.eventsAfter(5, 10).map(({ position }) => position),
      [6],
    );
  });

  it('has another origin in another store', (t) => {
    const [one, other] = [tempStore(t), tempStore(t)];
    const times = [at, later];
    for (const store of [one, other]) {
      fourEvents(store);
      const db = new DatabaseSync(store.file);
      db.prepare('UPDATE projects SET created_at = ?').run(times.shift() ?? '');
      db.close();
    }
    assert.match(one.feed.origin() ?? '', /^[0-9a-z]{8}$/);
    assert.notEqual(one.feed.origin(), other.feed.origin());
  });

  it('keeps the order of what an older schema held', (t) => {
    const file = join(tempFolder(t), 'project.db');
    const db = new DatabaseSync(file);
    migrate(
      db,
      projectMigrations.filter(({ version }) => version <= 3),
      file,
    );
    const [a, b] = ['sess_01K0ABCDEFGHJKMNPQRSTVWXYB', 'sess_01K0ABCDEFGHJKMNPQRSTVWXYA'];
    db.exec(`INSERT INTO projects VALUES ('${'a'.repeat(64)}', '/p', '${at}')`);
    const session =
      db.prepare(`INSERT INTO sessions (id, project_hash, state, strategy, failure_policy, on_exit, depth,
      created_at, owner_epoch, objective) VALUES (?, ?, 'created', 'parallel', 'continue', 'stop', 0, ?, 1, 'x')`);
    for (const id of [a, b]) session.run(id ?? '', 'a'.repeat(64), at);
    const event = db.prepare("INSERT INTO events VALUES (?, ?, 'session.started', NULL, ?, 'h', '{}')");
    const order = [
      [a, 1],
      [b, 1],
      [a, 2],
      [b, 2],
    ] as const;
    for (const [id, seq] of order) event.run(id ?? '', seq, at);
    db.close();
    const store = tempStore(t, file);
    assert.deepEqual(
      store.feed.eventsAfter(0, 10).map(({ position, event }) => [position, event.sessionId, event.seq]),
      order.map(([id, seq], index) => [index + 1, id, seq]),
    );
    assert.equal(store.feed.lastPosition(), 4);
  });
});

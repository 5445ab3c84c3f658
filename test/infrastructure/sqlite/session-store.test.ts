import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { openSessionStore, readProjectOf } from '../../../src/infrastructure/sqlite/session-store.ts';
import { sessionStoreContract } from '../../helpers/session-store-contract.ts';
import { created, instanceId, project, sessionId, tempFolder, tempStore } from './samples.ts';

sessionStoreContract(tempStore, (t, { file }) => tempStore(t, file));

describe('a stored workflow', () => {
  it('replaces NUL, which text in SQLite does not survive on every supported Node', (t) => {
    const store = tempStore(t);
    const change = created({ objective: 'before\0after' });
    const { sessionId } = store.create(change, instanceId());
    assert.equal(store.load(sessionId).session.objective, 'before\uFFFDafter');
    assert.equal(store.events(sessionId, 0, 1)[0]?.data['objective' as never], 'before\0after');
  });

  it('is there for the next process to open the file, whose mode is 0600 in a folder of 0700', (t) => {
    const file = join(tempFolder(t), 'projects', 'hash', 'project.db');
    const change = created();
    const first = openSessionStore({ file, project });
    const { sessionId } = first.create(change, instanceId());
    const modes = [dirname(dirname(file)), dirname(file), file, `${file}-wal`, `${file}-shm`];
    assert.deepEqual(
      modes.map((path) => (statSync(path).mode & 0o777).toString(8)),
      ['700', '700', '600', '600', '600'],
    );
    first.close();
    first.close();
    assert.throws(() => first.load(sessionId), { code: 'INTERNAL', message: /after it was closed/ });
    const second = tempStore(t, file);
    assert.deepEqual(second.load(sessionId), change.next);
  });
});

describe('the project a file belongs to', () => {
  it('can be read without opening the store, from the first session on', (t) => {
    const store = tempStore(t);
    assert.equal(readProjectOf(store.file), null);
    store.create(created(), instanceId());
    assert.equal(readProjectOf(store.file), project.path);
    const missing = join(dirname(store.file), 'missing.db');
    assert.throws(() => readProjectOf(missing), { code: 'FORBIDDEN' });
    assert.equal(existsSync(missing), false);
  });
});

describe('the lease', () => {
  it('changes hands when nobody holds it, its owner is silent for too long, or is known to be dead', (t) => {
    let now = '2026-03-01T10:00:00.000Z';
    const file = join(tempFolder(t), 'project.db');
    const store = openSessionStore({ file, project, clock: { now: () => now } });
    t.after(() => store.close());
    const [a, b] = [instanceId(), instanceId()];
    const { sessionId: id } = store.create(created(), a);
    assert.equal(
      store.acquire(id, b, { staleBefore: '2026-03-01T10:00:00.000Z' }),
      null,
      'fresh to the millisecond',
    );
    assert.equal(
      store.acquire(id, a, { staleBefore: '2026-03-01T09:00:00.000Z' }),
      null,
      'not from itself either',
    );
    assert.equal(store.acquire(id, b, { staleBefore: now, knownDead: b }), null, 'another one is dead');
    store.heartbeat(a, '2026-03-01T10:00:30.000Z');
    assert.equal(store.acquire(id, b, { staleBefore: '2026-03-01T10:00:20.000Z' }), null);
    now = '2026-03-01T10:00:50.000Z';
    const lease = store.acquire(id, b, { staleBefore: '2026-03-01T10:00:40.000Z' });
    assert.equal(lease?.epoch, 2);
    assert.equal(store.ownerOf(id), b);
    assert.equal(
      store.acquire(id, a, { staleBefore: '2026-03-01T10:00:45.000Z' }),
      null,
      'acquiring is a heartbeat',
    );
    assert.throws(() => store.acquire(sessionId(), a, { staleBefore: now }), { code: 'SESSION_NOT_FOUND' });
    assert.throws(() => store.ownerOf(sessionId()), { code: 'SESSION_NOT_FOUND' });
    const db = new DatabaseSync(file, { readOnly: true });
    t.after(() => db.close());
    assert.deepEqual(
      db
        .prepare('SELECT instance_id FROM owners')
        .all()
        .map((row) => row.instance_id),
      [b],
    );
  });
});

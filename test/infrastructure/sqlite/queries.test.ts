import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import { makeSessionId } from '../../../src/domain/ids.ts';
import { canonicalJson, eventHash } from '../../../src/infrastructure/sqlite/event-hash.ts';
import { created, instanceId, later, started, tempStore } from './samples.ts';

describe('the event log', () => {
  it('counts from 1 without gaps and chains hashes that anybody can check', (t) => {
    const store = tempStore(t);
    const changes = [created(), created()];
    for (const change of changes) {
      const lease = store.create(change, instanceId());
      const recorded = store.commit(lease, change.next, started(change));
      assert.deepEqual(
        recorded.map(({ seq }) => seq),
        [2, 3, 4],
      );
      assert.deepEqual(store.events(lease.sessionId, 1, 10), recorded);
      assert.deepEqual(store.events(lease.sessionId, 2, 1), [recorded[1]]);
      assert.equal(store.lastSeq(lease.sessionId), 4);
    }
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    const isIntact = (id: string): boolean => {
      let previous = '';
      return db
        .prepare('SELECT * FROM events WHERE session_id = ? ORDER BY seq')
        .all(id)
        .every((row, index) => {
          const event = {
            type: row.type,
            sessionId: row.session_id,
            agentId: row.agent_id,
            at: row.at,
            data: JSON.parse(String(row.data)),
            seq: row.seq,
          } as RecordedEvent;
          previous = eventHash(previous, event);
          return row.hash === previous && row.seq === index + 1;
        });
    };
    const [first, second] = changes.map(({ next }) => next.session.id);
    assert.ok(isIntact(first as string) && isIntact(second as string));
    db.prepare("UPDATE events SET at = '2026-03-01T10:00:00.001Z' WHERE session_id = ? AND seq = 2").run(
      first as string,
    );
    assert.ok(!isIntact(first as string), 'a change shows');
    assert.ok(isIntact(second as string));
  });

  it('hashes the same before and after a trip through JSON', () => {
    const values = [
      { b: 1, a: { z: undefined, y: [undefined, Number.NaN, -0, 'ä\0\ud800'] } },
      { 10: 'a', 9: 'b', é: null, Z: true, a: {} },
      [],
      'text',
      null,
    ];
    for (const value of values) {
      assert.equal(canonicalJson(value), canonicalJson(JSON.parse(JSON.stringify(value))));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }
    assert.equal(canonicalJson({ b: [1, 'x'], a: { d: 1, c: null } }), '{"a":{"c":null,"d":1},"b":[1,"x"]}');
  });

  it('keeps to its documented format', () => {
    const event = {
      type: 'session.started',
      sessionId: makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ'),
      agentId: null,
      at: later,
      data: {},
      seq: 1,
    } as const;
    // printf '\n{"agentId":null,"at":"2026-03-01T10:00:05.250Z",…}' | sha256sum
    assert.equal(eventHash('', event), 'f8ce107b164c290cde536b9d6ae09baf7f15661e828e5de139a48aa58c79c692');
  });
});

describe('lists', () => {
  it('are served from indexes', (t) => {
    const store = tempStore(t);
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    const plan = (sql: string): string =>
      db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row.detail))
        .join('; ');
    assert.match(
      plan('SELECT * FROM sessions WHERE rowid < 1000 ORDER BY rowid DESC LIMIT 20'),
      /^SEARCH sessions USING INTEGER PRIMARY KEY[^;]*$/,
    );
    assert.match(
      plan("SELECT * FROM sessions WHERE state = 'running' AND rowid < 1000 ORDER BY rowid DESC"),
      /^SEARCH/,
    );
    assert.match(
      plan("SELECT * FROM sessions WHERE owner_id = 'x' AND desired IS NOT NULL"),
      /SEARCH.*sessions_by_owner/,
    );
    assert.match(plan("SELECT * FROM agents WHERE session_id = 'x' ORDER BY position"), /^SEARCH[^;]*$/);
    assert.match(
      plan("SELECT * FROM events WHERE session_id = 'x' AND seq > 5 ORDER BY seq"),
      /^SEARCH[^;]*$/,
    );
    assert.match(plan("SELECT * FROM messages WHERE session_id = 'x' ORDER BY id"), /^SEARCH[^;]*$/);
    assert.match(
      plan("SELECT * FROM messages WHERE recipient_id = 'x' AND state = 'queued' ORDER BY place"),
      /^SEARCH[^;]*$/,
    );
    assert.match(plan("SELECT * FROM checkpoints WHERE session_id = 'x' ORDER BY seq DESC"), /^SEARCH[^;]*$/);
  });

  it('are the only ones: what is read of one session is found without looking through the others', (t) => {
    const prepared = new Set<string>();
    const { prepare } = DatabaseSync.prototype;
    t.mock.method(DatabaseSync.prototype, 'prepare', function (this: DatabaseSync, sql: string) {
      prepared.add(sql);
      return prepare.call(this, sql);
    });
    const store = tempStore(t);
    const { sessionId: id } = store.create(created(), instanceId());
    prepared.clear();
    store.load(id);
    store.summary(id);
    store.events(id, 0, 10);
    store.events(id, 0, 10, ['agent.started']);
    store.lastSeq(id);
    store.landingsOf(id);
    store.artifacts(id);
    store.ownerOf(id);
    assert.ok(prepared.size >= 8, [...prepared].join('\n'));
    const db = new DatabaseSync(store.file);
    t.after(() => db.close());
    for (const sql of prepared) {
      const plan = prepare.call(db, `EXPLAIN QUERY PLAN ${sql}`).all();
      const scans = plan
        .map(({ detail }) => String(detail))
        .filter((detail) => /^SCAN (?!CONSTANT|json_each)/.test(detail));
      assert.deepEqual(scans, [], sql);
    }
  });
});

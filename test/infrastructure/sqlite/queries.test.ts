import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import type { ArtifactRecord } from '../../../src/application/ports/session-summary.ts';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import { makeSessionId } from '../../../src/domain/ids.ts';
import { canonicalJson, eventHash } from '../../../src/infrastructure/sqlite/event-hash.ts';
import { agentRequest, created, instanceId, later, sessionId, started, tempStore } from './samples.ts';

const usage = {
  inputTokens: 10,
  outputTokens: 20,
  cacheReadTokens: 30,
  cacheWriteTokens: 40,
  turns: 2,
  costUsd: 0.5,
};

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

  it('starts empty for a session nobody knows', (t) => {
    const store = tempStore(t);
    assert.equal(store.lastSeq(sessionId()), 0);
    assert.deepEqual(store.events(sessionId(), 0, 10), []);
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
  it('come newest first, page by page, by state, with progress and usage', (t) => {
    const store = tempStore(t);
    const owner = instanceId();
    const changes = Array.from({ length: 7 }, () => created());
    const leases = changes.map((change) => store.create(change, owner));
    const ids = changes.map(({ next }) => next.session.id).reverse();
    const page = (before?: (typeof ids)[0]) =>
      store.list({ limit: 3, ...(before === undefined ? {} : { before }) }).map(({ session }) => session.id);
    assert.deepEqual(page(), ids.slice(0, 3));
    assert.deepEqual(page(ids[2]), ids.slice(3, 6));
    assert.deepEqual(page(ids[5]), ids.slice(6));
    assert.deepEqual(page(ids[6]), []);

    const [change, lease] = [changes[2], leases[2]];
    if (change === undefined || lease === undefined) throw new Error('seven sessions');
    const { next, events } = started(change);
    const agents = next.agents.map((agent, index) =>
      index === 2 ? agent : { ...agent, usage: { ...usage, costUsd: index === 0 ? usage.costUsd : null } },
    );
    store.commit(lease, change.next, { next: { ...next, agents }, events });
    const summary = {
      session: next.session,
      progress: { total: 3, pending: 2, running: 1, completed: 0, failed: 0, cancelled: 0, resumable: 0 },
      usage: {
        inputTokens: 20,
        outputTokens: 40,
        cacheReadTokens: 60,
        cacheWriteTokens: 80,
        turns: 4,
        costUsd: 0.5,
      },
    };
    assert.deepEqual(store.list({ state: 'running', limit: 10 }), [summary]);
    assert.deepEqual(store.summary(lease.sessionId), summary);
    assert.equal(store.list({ state: 'created', limit: 10 }).length, 6);
    assert.deepEqual(
      store.list({ state: 'created', limit: 1, before: lease.sessionId }).map(({ session }) => session.id),
      [ids[5]],
    );
    assert.deepEqual(store.list({ state: 'failed', limit: 10 }), []);
    assert.equal(store.summary(ids[6] as (typeof ids)[0]).usage, null);
    assert.throws(() => store.summary(sessionId()), { code: 'SESSION_NOT_FOUND' });
  });

  it('begin with what was stored last, also after the clock was set back, and go on after one that was removed', (t) => {
    const store = tempStore(t);
    const owner = instanceId();
    const made = Array.from({ length: 4 }, () => created());
    const ids = made.map(({ next }) => next.session.id);
    const listed = (query: { before?: (typeof ids)[0]; state?: 'created' } = {}) =>
      store.list({ limit: 9, ...query }).map(({ session }) => session.id);
    for (const index of [2, 3, 0, 1]) store.create(made[index] as (typeof made)[0], owner);
    const expected = [1, 0, 3, 2].map((index) => ids[index]);
    assert.deepEqual(listed(), expected);
    assert.deepEqual(listed({ state: 'created' }), expected);
    assert.deepEqual(listed({ before: ids[0] as (typeof ids)[0] }), expected.slice(2));
    assert.ok(listed({ before: sessionId() }).length > 0);
  });

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
      plan("SELECT * FROM messages WHERE recipient_id = 'x' AND state = 'queued' ORDER BY id"),
      /^SEARCH[^;]*$/,
    );
    assert.match(plan("SELECT * FROM checkpoints WHERE session_id = 'x' ORDER BY seq DESC"), /^SEARCH[^;]*$/);
  });
});

describe('finding by a part of an id', () => {
  const ulids = ['01K0AAAAAAAAAAAAAAAAAAAAA1', '01K0BBBBBBBBBBBBBBBBBBBB01', '01K1CCCCCCCCCCCCCCCCCCCC02'];
  const [a, b, c] = ulids.map(makeSessionId);

  it('takes a prefix or a suffix of a session, newest first, in any case', (t) => {
    const store = tempStore(t);
    for (const id of [a, b, c]) store.create(created({}, id), instanceId());
    const found = (text: string, limit = 10) => store.findSessions(text, limit);
    assert.deepEqual(found('sess_01K0'), [b, a]);
    assert.deepEqual(found('01K0'), [b, a]);
    assert.deepEqual(found('01k0b'), [b]);
    assert.deepEqual(found('SESS_01k1'), [c]);
    assert.deepEqual(found('BBB01'), [b]);
    assert.deepEqual(found('A1'), [a]);
    assert.deepEqual(found('01'), [c, b, a], 'two begin, one also ends with it');
    assert.deepEqual(found('01', 2), [c, b]);
    assert.deepEqual(found('', 1), [c]);
    assert.deepEqual(found(c as string), [c]);
    assert.deepEqual(found('CCC'), [], 'the middle is neither');
    assert.deepEqual(found('sess_BBB01'), [], 'an id with its prefix is looked for from its start');
    for (const pattern of ['%', '_', '01K_', '01K0%', '*', '?', '[0-9]', "' OR 1=1 --", '\0', '~']) {
      assert.deepEqual(found(pattern), [], `${pattern} is not a pattern`);
    }
  });

  it('takes a prefix or a suffix of an agent, and an id in full for itself alone', (t) => {
    const store = tempStore(t);
    const twins = created({ agents: [agentRequest({ role: { name: 'qa', custom: null } }), agentRequest()] });
    const [qa, engineer] = twins.next.agents;
    if (qa === undefined || engineer === undefined) throw new Error('two agents');
    store.create(twins, instanceId());
    const role = { name: qa.id.slice('agent_'.length), custom: null };
    const longer = created({ agents: [agentRequest({ role })] });
    store.create(longer, instanceId());
    const found = (text: string) => store.findAgents(text, 10).map(({ agentId }) => agentId);
    assert.deepEqual(found('agent_qa_1'), [longer.next.agents[0]?.id, qa.id]);
    assert.deepEqual(store.findAgents(qa.id, 10), [{ sessionId: twins.next.session.id, agentId: qa.id }]);
    assert.deepEqual(found('Backend_Engineer'), [engineer.id]);
    assert.deepEqual(found(engineer.id.slice(-6)), [engineer.id]);
    assert.deepEqual(found(`agent_${engineer.id.slice(-6)}`), []);
    assert.deepEqual(found('backend%'), []);
    assert.deepEqual(found('backend?engineer'), []);
    assert.deepEqual(found('backendxengineer'), [], "'_' stands for itself");
  });
});

describe('artifacts', () => {
  it('show the newest record of each path, by path', (t) => {
    const store = tempStore(t);
    const change = created();
    const lease = store.create(change, instanceId());
    const by = change.next.agents[0]?.id ?? null;
    const record = (
      path: string,
      sizeBytes: number,
      overrides: Partial<ArtifactRecord> = {},
    ): ArtifactRecord => ({
      path,
      sizeBytes,
      sha256: String(sizeBytes).padStart(64, '0'),
      by,
      candidates: ['backend_engineer_1'],
      recordedAt: later,
      ...overrides,
    });
    const none = { next: change.next, events: [] };
    const shared = record('shared/context/b.md', 3, { by: null, candidates: ['qa', 'backend_engineer_1'] });
    store.commit(lease, change.next, none, [record('results/qa/ä.md', 1), shared]);
    store.commit(lease, change.next, none, [record('results/qa/ä.md', 2), record('results/qa/ä.md', 9)]);
    store.commit(lease, change.next, none, [record('results/qa/ä.md', 4)]);
    assert.deepEqual(store.artifacts(lease.sessionId), [record('results/qa/ä.md', 4), shared]);
    assert.deepEqual(store.artifacts(sessionId()), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import { sessionEvent } from '../../src/domain/events.ts';
import { makeSessionId, type SessionId } from '../../src/domain/ids.ts';
import { at, created, instanceId, later, started } from '../infrastructure/sqlite/samples.ts';

const everBefore = '2000-01-01T00:00:00.000Z';

/** A session with four events. */
export function fourEvents(store: SessionStore): SessionId {
  const change = created();
  const lease = store.create(change, instanceId());
  store.commit(lease, change.next, started(change));
  return lease.sessionId;
}

/** A cancelled session without an owner, with three events. */
export function ended(store: SessionStore): SessionId {
  const change = created();
  const lease = store.create(change, instanceId());
  const { id } = change.next.session;
  const next = {
    ...change.next,
    session: { ...change.next.session, state: 'cancelled', endedAt: later },
  } as const;
  const events = [sessionEvent('session.cancelled', id, later, { reason: 'x' })];
  store.commit(lease, change.next, { next, events });
  store.release(lease);
  return id;
}

/** What the application requires of every store's order of a project's events. */
export function feedStoreContract(open: (t: TestContext) => SessionStore): void {
  describe('the feed', () => {
    it('tells the position something happened after', (t) => {
      const store = open(t);
      assert.equal(store.feed.positionBefore(later), 0);
      fourEvents(store);
      assert.deepEqual(
        [everBefore, at, later, '9999-01-01T00:00:00.000Z'].map((time) => store.feed.positionBefore(time)),
        [0, 0, 2, 4],
      );
    });
  });

  describe('the overview', () => {
    it('has what has not ended and the newest of the rest, with the position it is true at', (t) => {
      const store = open(t);
      assert.deepEqual(store.feed.overview(2), { position: 0, sessions: [], omitted: 0 });
      const oldest = fourEvents(store);
      const [, , third, fourth] = [ended(store), ended(store), ended(store), ended(store)];
      const { position, sessions, omitted } = store.feed.overview(2);
      assert.deepEqual([position, omitted], [12, 2]);
      assert.deepEqual(
        sessions.map(({ session }) => session.id),
        [fourth, third, oldest],
      );
      assert.deepEqual(sessions.at(-1), store.summary(oldest));
      assert.deepEqual(store.feed.overviewOf(oldest), {
        position: 12,
        sessions: [store.summary(oldest)],
        omitted: 0,
      });
      assert.throws(() => store.feed.overviewOf(makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ')), {
        code: 'SESSION_NOT_FOUND',
      });
    });
  });

  describe('the figures', () => {
    it('are sums over what is kept, and counts of what came after a position', (t) => {
      const store = open(t);
      assert.deepEqual(store.feed.figures(), { sessions: new Map(), agents: new Map(), usage: null });
      const change = created();
      const lease = store.create(change, instanceId());
      const before = store.feed.lastPosition();
      const usage = {
        inputTokens: 1,
        outputTokens: 2,
        cacheReadTokens: 3,
        cacheWriteTokens: 4,
        turns: 5,
        costUsd: 0.5,
      };
      const next = {
        ...change.next,
        agents: change.next.agents.map((agent, index) => (index < 2 ? { ...agent, usage } : agent)),
      };
      const [agent = assert.fail()] = next.agents;
      const common = { sessionId: lease.sessionId, agentId: agent.id, at };
      const data = { name: agent.name, durationMs: 1, message: 'm', usage: null };
      store.commit(lease, change.next, {
        next,
        events: [
          { ...common, type: 'agent.failed', data: { ...data, kind: 'timeout' } },
          { ...common, type: 'agent.failed', data: { ...data, kind: 'timeout' } },
          { ...common, type: 'agent.failed', data: { ...data, kind: 'signal' } },
          {
            ...common,
            type: 'agent.cancelled',
            data: { name: agent.name, reason: 'r', kind: null, usage: null },
          },
          { ...common, type: 'agent.suspended', data: { name: agent.name } },
        ],
      });
      assert.deepEqual(store.feed.figures(), {
        sessions: new Map([['created', 1]]),
        agents: new Map([['pending', 3]]),
        usage: {
          inputTokens: 2,
          outputTokens: 4,
          cacheReadTokens: 6,
          cacheWriteTokens: 8,
          turns: 10,
          costUsd: 1,
        },
      });
      const { position, counts } = store.feed.countEvents(before);
      assert.equal(position, store.feed.lastPosition());
      assert.deepEqual(
        counts.map(({ type, kind, count }) => [type, kind, count]),
        [
          ['agent.cancelled', null, 1],
          ['agent.failed', 'signal', 1],
          ['agent.failed', 'timeout', 2],
          ['agent.suspended', null, 1],
        ],
      );
      assert.deepEqual(store.feed.countEvents(position), { position, counts: [] });
    });
  });
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allEvents, historyEvents } from '../../../src/application/evidence/agent-history.ts';
import { RecentHistories } from '../../../src/application/evidence/recent-histories.ts';
import { created, instanceId, started, tempStore } from '../../infrastructure/sqlite/samples.ts';

describe('the history of a session that is looked at again', () => {
  it('has everything, and reads only what is new', (t) => {
    const store = tempStore(t);
    const histories = new RecentHistories();
    const planned = created();
    const lease = store.create(planned, instanceId());
    const id = lease.sessionId;
    assert.deepEqual(histories.of(store, id), []);
    store.commit(lease, planned.next, started(planned));
    const all = allEvents(store, id, historyEvents);
    assert.ok(all.some(({ type }) => type === 'agent.started'));
    assert.deepEqual(histories.of(store, id), all);
    const reads = t.mock.method(store, 'events');
    assert.deepEqual(histories.of(store, id), all);
    assert.equal(reads.mock.callCount(), 0);
    reads.mock.restore();
    // Five others push it out, and a store in the place of the first is read from its beginning.
    for (let i = 0; i < 5; i++) histories.of(store, store.create(created(), instanceId()).sessionId);
    assert.deepEqual(histories.of(store, id), all);
    assert.deepEqual(histories.of(tempStore(t), id), []);
  });
});

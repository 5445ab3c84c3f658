import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { McpEventStore } from '../../../../src/presentation/http/mcp/mcp-event-store.ts';

const note = (text: string): JSONRPCMessage => ({ jsonrpc: '2.0', method: 'note', params: { text } });
const answer = (id: number): JSONRPCMessage => ({ jsonrpc: '2.0', id, result: {} });
const priming = {} as JSONRPCMessage;

async function replay(store: McpEventStore, from: string): Promise<readonly string[]> {
  const ids: string[] = [];
  await store.replayEventsAfter(from, {
    send: async (id) => {
      ids.push(id);
    },
  });
  return ids;
}

describe('the store of messages', () => {
  it('gives exactly what came after a place, of its stream alone', async () => {
    const store = new McpEventStore({ events: 10, bytes: 10_000 });
    const begin = await store.storeEvent('a', priming);
    const ids: string[] = [];
    for (const text of ['one', 'two', 'three']) {
      ids.push(await store.storeEvent('a', note(text)));
      await store.storeEvent('b', note(text));
    }
    assert.deepEqual(await replay(store, begin), ids);
    assert.deepEqual(await replay(store, ids[0] ?? ''), ids.slice(1));
    assert.deepEqual(await replay(store, ids[2] ?? ''), []);
    assert.deepEqual([...store.after(ids[1] ?? '')], [{ id: ids[2], message: note('three') }]);
  });

  it('gives what comes during a replay in its turn', async () => {
    const store = new McpEventStore({ events: 10, bytes: 10_000 });
    const begin = await store.storeEvent('a', priming);
    await store.storeEvent('a', note('one'));
    const seen: string[] = [];
    await store.replayEventsAfter(begin, {
      send: async (id) => {
        seen.push(id);
        if (seen.length === 1) await store.storeEvent('a', note('two'));
      },
    });
    assert.deepEqual(seen, ['a:2', 'a:3']);
  });

  it('lets the oldest go, and knows no place before them any more', async () => {
    const store = new McpEventStore({ events: 2, bytes: 10_000 });
    const places = [await store.storeEvent('a', priming)];
    for (const text of ['one', 'two', 'three']) places.push(await store.storeEvent('a', note(text)));
    assert.deepEqual(
      places.map((place) => store.find(place) !== null),
      [false, true, true, true],
    );
    assert.deepEqual(await replay(store, places[1] ?? ''), places.slice(2));
    assert.deepEqual(store.ends('a'), { oldest: places[1], newest: places[3] });
  });

  it('is bounded in bytes, and keeps the newest whatever its size', async () => {
    const store = new McpEventStore({ events: 100, bytes: 500 });
    const small = await store.storeEvent('a', note('small'));
    const large = await store.storeEvent('a', note('x'.repeat(1_000)));
    assert.deepEqual(await replay(store, small), [large]);
    const next = await store.storeEvent('a', note('small'));
    assert.equal(store.find(small), null);
    assert.deepEqual(await replay(store, large), [next]);
  });

  it('knows that a stream has ended with its answer, and forgets it with its last event', async () => {
    const store = new McpEventStore({ events: 1, bytes: 10_000 });
    const begin = await store.storeEvent('a', priming);
    assert.deepEqual(store.find(begin), { hasEnded: false });
    const last = await store.storeEvent('a', answer(1));
    assert.deepEqual(store.find(last), { hasEnded: true });
    await store.storeEvent('b', note('other'));
    assert.equal(store.find(last), null);
  });

  it('replays nothing of what is to stay unsaid', async () => {
    const store = new McpEventStore({ events: 10, bytes: 10_000 });
    const begin = await store.storeEvent('a', priming);
    const message = answer(1);
    store.keepUnsaid(message);
    await store.storeEvent('a', message);
    assert.deepEqual(store.find(begin), { hasEnded: true });
    assert.deepEqual(await replay(store, begin), []);
  });

  it('knows no place that it has not given', async () => {
    const store = new McpEventStore({ events: 10, bytes: 10_000 });
    await store.storeEvent('a', note('one'));
    for (const place of ['', 'a', 'a:', 'a:2', 'a:-1', 'a:1x', 'b:1', ':1', `a:${'1'.repeat(400)}`]) {
      assert.equal(store.find(place), null, place);
    }
  });
});

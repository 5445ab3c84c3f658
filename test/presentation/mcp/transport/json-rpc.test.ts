import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import { checkMessage } from '../../../../src/presentation/mcp/transport/json-rpc.ts';
import { fc } from '../../../helpers/properties.ts';

const absent = Symbol('absent');
const anything = fc.jsonValue({ maxDepth: 2 });

/** Mostly valid values, so that most messages have at most one fault. */
function mostly(...right: unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: anything },
    { weight: 1, arbitrary: fc.constant(absent) },
  );
}

const ids = mostly(1, 0, -3, 'a', '', Number.MAX_SAFE_INTEGER);
const meta = fc.oneof(
  { weight: 3, arbitrary: mostly({}, { progressToken: 1 }, { progressToken: 'p' }) },
  fc.record({ progressToken: anything }),
  fc.record({ 'io.modelcontextprotocol/related-task': fc.oneof(anything, fc.record({ taskId: anything })) }),
);
const objects = fc.oneof(
  mostly({}, { name: 'x' }, JSON.parse('{"__proto__":{"a":1},"constructor":1}')),
  withMeta(),
);
const failures = fc.oneof(
  mostly({ code: -1, message: 'm' }, { code: 1, message: '', data: [1] }),
  fc.record({ code: anything, message: anything, data: anything }),
);
const version = mostly('2.0');

function withMeta(): fc.Arbitrary<unknown> {
  return fc.record({ x: anything, _meta: meta }).map(withoutAbsent);
}

const messages = fc
  .oneof(
    fc.record({
      jsonrpc: version,
      id: ids,
      method: mostly('ping', 'x/y'),
      params: fc.oneof(objects, fc.constant(absent)),
    }),
    fc.record({ jsonrpc: version, method: mostly('notifications/x'), params: objects }),
    fc.record({ jsonrpc: version, id: ids, result: objects }),
    fc.record({ jsonrpc: version, id: ids, error: failures }),
    fc.record({ jsonrpc: version, id: ids, method: mostly('x'), result: mostly({}), error: failures }),
    anything,
  )
  // As a client sends it: no object of JSON lacks a prototype, as some of fast-check do.
  .map((message): unknown => JSON.parse(JSON.stringify(withoutAbsent(message))));

function withoutAbsent(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== absent));
}

describe('checkMessage', () => {
  it('takes all that the SDK takes, and hands over nothing else', () => {
    const counts = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(messages, (value) => {
        const checked = checkMessage(value);
        const isTaken = 'message' in checked;
        counts[isTaken ? 'taken' : 'refused'] += 1;
        if (isTaken) assert.ok(JSONRPCMessageSchema.safeParse(checked.message).success);
        if (JSONRPCMessageSchema.safeParse(value).success) assert.deepEqual(checked, { message: value });
      }),
      { numRuns: 3_000 },
    );
    assert.ok(Math.min(counts.taken, counts.refused) > 300, JSON.stringify(counts));
  });

  it('refuses what is nested too deep to be written down again, a request under its id', () => {
    const deep = JSON.parse(`${'['.repeat(10_000)}${']'.repeat(10_000)}`);
    const request = checkMessage({ jsonrpc: '2.0', id: 7, method: 'ping', params: { deep } });
    assert.ok('complaint' in request);
    assert.deepEqual(request.complaint.answer, {
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32600, message: 'Invalid request: nested deeper than 500 levels.' },
    });
    for (const answer of [{ result: { deep } }, { error: { code: 1, message: 'x', data: deep } }]) {
      const told = checkMessage({ jsonrpc: '2.0', id: 7, ...answer });
      assert.ok('complaint' in told);
      assert.equal(told.complaint.answer, null);
    }
    const fine = JSON.parse(`${'['.repeat(400)}${']'.repeat(400)}`);
    assert.ok('message' in checkMessage({ jsonrpc: '2.0', id: 7, result: { fine } }));
  });

  it('passes over members that mean nothing, which the SDK refuses', () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    assert.deepEqual(checkMessage({ ...ping, trace: 1 }), { message: ping });
  });

  const refusals: [what: string, value: unknown, code: number | null, id?: unknown][] = [
    ['a batch', [{ jsonrpc: '2.0', id: 1, method: 'ping' }], -32600],
    ['an empty batch', [], -32600],
    ['a text', 'ping', -32600],
    ['null', null, -32600],
    ['an object of no kind', { jsonrpc: '2.0', id: 4 }, -32600],
    ['another version', { jsonrpc: '1.0', id: 4, method: 'ping' }, -32600, 4],
    ['no version', { id: 'a', method: 'ping' }, -32600, 'a'],
    ['a number as method', { jsonrpc: '2.0', id: 4, method: 5 }, -32600, 4],
    ['an id of null', { jsonrpc: '2.0', id: null, method: 'ping' }, -32600],
    ['a fraction as id', { jsonrpc: '2.0', id: 1.5, method: 'ping' }, -32600],
    [
      'an id that JSON.parse has rounded',
      JSON.parse('{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}'),
      -32600,
    ],
    ['a list of parameters', { jsonrpc: '2.0', id: 4, method: 'ping', params: [] }, -32602, 4],
    ['malformed _meta', { jsonrpc: '2.0', id: 4, method: 'ping', params: { _meta: 1 } }, -32602, 4],
    [
      'an object as progress token',
      { jsonrpc: '2.0', id: 4, method: 'ping', params: { _meta: { progressToken: {} } } },
      -32602,
      4,
    ],
    ['a notification with a list of parameters', { jsonrpc: '2.0', method: 'x', params: [] }, null],
    ['a result that is none', { jsonrpc: '2.0', id: 4, result: 1 }, null],
    [
      'result and error at once',
      { jsonrpc: '2.0', id: 4, result: {}, error: { code: 1, message: '' } },
      null,
    ],
  ];
  for (const [what, value, code, id] of refusals) {
    it(`refuses ${what}${code === null ? ' silently' : `, ${id === undefined ? 'without an id' : 'under its id'}`}`, () => {
      const checked = checkMessage(value);
      assert.ok('complaint' in checked);
      const { answer } = checked.complaint;
      if (code === null) assert.equal(answer, null);
      else {
        assert.ok(JSONRPCMessageSchema.safeParse(answer).success);
        const { error, ...rest } = answer as { error: { code: number } };
        assert.equal(error.code, code);
        assert.deepEqual(rest, { jsonrpc: '2.0', ...(id === undefined ? {} : { id }) });
      }
    });
  }
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openLog } from '../../../../src/infrastructure/logging/log.ts';
import {
  largestBody,
  type MessageTrace,
  traceMessages,
} from '../../../../src/presentation/mcp/transport/trace.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-trace-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
/** A trace into a real log, with a clock that the test sets. */
function traced(run: (trace: MessageTrace, at: (ms: number) => void) => void): Record<string, unknown>[] {
  const file = join(root, `${++count}.log`);
  const log = openLog({ file, level: 'trace', instance: 'inst_test' });
  let now = 0;
  run(
    traceMessages(log, () => now),
    (ms) => {
      now = ms;
    },
  );
  log.close();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { at: _, instance: __, pid: ___, ...record } = JSON.parse(line);
    assert.deepEqual([record.level, record.message], ['trace', 'mcp message']);
    return record;
  });
}

const received = (trace: MessageTrace, message: object) => trace.received(JSON.stringify(message), message);
const sent = (trace: MessageTrace, message: object) => trace.sent(JSON.stringify(message), message);
const request = (id: unknown, method = 'ping') => ({ jsonrpc: '2.0', id, method });
const result = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} });
const failure = (id: unknown) => ({ jsonrpc: '2.0', id, error: { code: -32601, message: 'No.' } });

describe('the trace of messages', () => {
  it('says of each where it went, what it is, and how long its answer took', () => {
    const records = traced((trace, at) => {
      received(trace, request(1, 'tools/list'));
      at(12.3456);
      sent(trace, result(1));
      received(trace, { jsonrpc: '2.0', method: 'notifications/initialized' });
      sent(trace, failure('x'));
    });
    const facts = records.map(({ level: _, message: __, body: ___, bytes: ____, ...rest }) => rest);
    assert.deepEqual(facts, [
      { direction: 'in', kind: 'request', method: 'tools/list', id: 1 },
      { direction: 'out', kind: 'response', id: 1, durationMs: 12.346 },
      { direction: 'in', kind: 'notification', method: 'notifications/initialized' },
      { direction: 'out', kind: 'response', id: 'x', errorCode: -32601 },
    ]);
    assert.deepEqual([records[0]?.body, records[0]?.bytes], [request(1, 'tools/list'), 46]);
  });

  it('keeps requests of both sides apart, and 1 from "1"', () => {
    const durations = traced((trace, at) => {
      received(trace, request(1));
      at(1);
      sent(trace, request(1));
      at(10);
      received(trace, request('1'));
      at(100);
      received(trace, result(1));
      at(1_000);
      sent(trace, result(1));
      sent(trace, result('1'));
      sent(trace, result(1));
    }).map(({ durationMs }) => durationMs);
    assert.deepEqual(durations, [undefined, undefined, undefined, 99, 1_000, 990, undefined]);
  });

  it('forgets the oldest requests rather than keep those that are never answered', () => {
    const records = traced((trace) => {
      for (let id = 0; id <= 10_000; id += 1) received(trace, request(id));
      sent(trace, result(0));
      sent(trace, result(1));
    }).slice(-2);
    assert.deepEqual(
      records.map(({ durationMs }) => durationMs),
      [undefined, 0],
    );
  });

  it('takes what is no message, and what is no JSON', () => {
    const records = traced((trace) => {
      trace.received('[1]', [1]);
      trace.received('{"id":4}', { id: 4 });
      trace.received('null', null);
      trace.received('hello \u0000');
    });
    assert.deepEqual(
      records.map(({ kind, body }) => [kind, body]),
      [
        ['other', [1]],
        ['other', { id: 4 }],
        ['other', null],
        ['other', 'hello \u0000'],
      ],
    );
  });

  it('cuts a large message, and says how much is missing', () => {
    const message = { ...request(1), params: { text: 'ü'.repeat(20_000) } };
    const text = JSON.stringify(message);
    const [large, long, deep] = traced((trace) => {
      trace.received(text, message);
      received(trace, request('i'.repeat(5_000), 'm'.repeat(5_000)));
      const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
      trace.received(nested, JSON.parse(nested));
    });
    assert.equal(large?.body, text.slice(0, largestBody));
    assert.deepEqual([large?.leftOut, large?.bytes], [text.length - largestBody, Buffer.byteLength(text)]);
    assert.deepEqual([large?.method, large?.id], ['ping', 1]);
    assert.deepEqual([String(long?.method).length, String(long?.id).length], [200, 200]);
    assert.equal(deep?.leftOut, 200_000 - largestBody);
  });

  it('shows a whole plan, however deep', () => {
    const role = { name: 'x', responsibilities: ['a', { deep: { deeper: ['b'] } }] };
    const message = { ...request(1), params: { arguments: { agents: [{ role, task: 'Do.' }] } } };
    const [record] = traced((trace) => received(trace, message));
    assert.deepEqual(record?.body, message);
  });

  const secret = 'hunter2';
  const secrets: [where: string, params: object][] = [
    ['under a name', { api_key: secret, headers: { Authorization: secret } }],
    ['deep below', { agents: [{ role: { env: { DB_PASSWORD: secret, client_secret: [secret] } } }] }],
    ['in JSON within a text', { text: JSON.stringify({ a: [{ authToken: secret }] }) }],
    ['in JSON in JSON', { text: JSON.stringify({ text: JSON.stringify({ secret }) }) }],
    ['by its look', { text: `key sk-ant-api03-${secret}${secret}${secret}` }],
    ['in a large message', { pad: 'x'.repeat(15_000), password: secret, more: 'x'.repeat(5_000) }],
    ['in JSON within a large message', { text: JSON.stringify({ secret }), more: 'x'.repeat(20_000) }],
    ['where a large message is cut', { pad: 'x'.repeat(largestBody - 80), token: secret.repeat(1_000) }],
  ];
  for (const [where, params] of secrets) {
    it(`does not tell a secret ${where}`, () => {
      const message = { ...request(1), params };
      const whole = JSON.stringify(message);
      const text = JSON.stringify(
        traced((trace) => {
          trace.received(whole, message);
          trace.sent(whole, message);
          // The same line, but not valid JSON.
          trace.received(whole.slice(0, -1));
        }),
      );
      assert.ok(!text.includes(secret), text);
      assert.ok(text.includes('[redacted]'), text);
    });
  }

  it('keeps the tokens of progress, which are no secrets', () => {
    const message = { ...request(1), params: { _meta: { progressToken: 'p-1' } } };
    const [record] = traced((trace) => received(trace, message));
    assert.deepEqual(record?.body, message);
  });
});

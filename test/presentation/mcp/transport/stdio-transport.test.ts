import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { StdioLane } from '../../../../src/presentation/mcp/modern/stdio-lane.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { answerEarly } from '../../../../src/presentation/mcp/transport/handshake.ts';
import {
  longestLineBytes,
  StdioTransport,
} from '../../../../src/presentation/mcp/transport/stdio-transport.ts';

const identity = serverIdentity('1');
const params = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
};
const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params };
const probe = { jsonrpc: '2.0', id: 'p', method: 'server/discover', params: {} };
const ping = (id: number) => ({ jsonrpc: '2.0' as const, id, method: 'ping' });
const answer = (id: number | string): JSONRPCMessage => ({ jsonrpc: '2.0', id, result: {} });
const lines = (...messages: object[]): string =>
  messages.map((message) => `${JSON.stringify(message)}\n`).join('');

/** A transport, with its output and what it passed to the SDK. */
function open(options: { readonly isReading?: boolean } = {}) {
  const input = new PassThrough();
  const sent: { id?: unknown; error?: { code: number; message: string }; result?: object }[] = [];
  const unread: (() => void)[] = [];
  const problems: string[] = [];
  let ends = 0;
  const lane = new StdioLane({
    identity,
    load: () => Promise.reject(new Error('nothing needs it')),
    send: (message) => transport.write(message),
  });
  const transport = new StdioTransport({
    input,
    write: (text, done) => {
      assert.ok(text.endsWith('\n'));
      sent.push(JSON.parse(text));
      if (options.isReading === false) unread.push(done);
      else setImmediate(done);
    },
    answerEarly: (message) => answerEarly(message, identity),
    takeModern: (message) => lane.take(message),
    trace: null,
    onComplaint: ({ problem }) => problems.push(problem),
    onEnd: () => {
      ends += 1;
    },
  });
  const received: unknown[] = [];
  transport.onmessage = (message) => received.push(message);
  return { transport, input, sent, unread, problems, received, ends: () => ends };
}

describe('the beginning on stdio', () => {
  it('is answered at once; the messages behind it wait for the answer of the SDK, which goes nowhere', async () => {
    const { transport, input, sent, received } = open();
    const behind = lines(ping(2), ping(3));
    input.write(lines(probe, initialize) + behind);
    await transport.begun;
    assert.deepEqual(
      sent.map(({ id }) => id),
      ['p', 1],
    );
    assert.deepEqual(received, []);
    await transport.start();
    assert.deepEqual(received, [initialize]);
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' });
    assert.deepEqual(received, [initialize]);
    await transport.send(answer(1));
    assert.deepEqual(received, [initialize, ping(2), ping(3)]);
    assert.equal(sent.length, 3);
    // Answers the next request with this id.
    await transport.send(answer(1));
    assert.equal(sent.length, 4);
  });

  it('in whatever pieces', async () => {
    const { transport, input, sent, received } = open();
    const bytes = Buffer.from(lines(initialize, { ...ping(2), method: 'ü😀' }));
    for (const byte of bytes) input.write(Uint8Array.of(byte));
    await transport.begun;
    await transport.start();
    await transport.send(answer(1));
    while (received.length < 2) await turn();
    assert.deepEqual(received, [initialize, { ...ping(2), method: 'ü😀' }]);
    assert.equal(sent.length, 1);
  });

  it('is left to the SDK when it is no plain one', async () => {
    const { transport, input, sent, received } = open();
    input.write(lines(ping(7), initialize));
    await transport.begun;
    await transport.start();
    assert.deepEqual(received, [ping(7), initialize]);
    await transport.send(answer(7));
    await transport.send(answer(1));
    assert.deepEqual(sent, [answer(7), answer(1)]);
  });

  it('may come after lines that are no messages', async () => {
    const { transport, input, sent, problems } = open();
    input.write(`garbage\n\n \r\n[]\n${lines(initialize)}`);
    await transport.begun;
    assert.deepEqual(
      sent.map(({ error }) => error?.code),
      [-32700, -32600, undefined],
    );
    assert.equal(problems.length, 2);
  });

  it('may never come', async () => {
    const { input, ends } = open();
    input.end();
    while (ends() === 0) await turn();
  });
});

describe('lines on stdio', () => {
  async function begun(options?: { readonly isReading: boolean }) {
    const all = open(options);
    all.input.write(lines(ping(0)));
    await all.transport.begun;
    await all.transport.start();
    all.received.length = 0;
    return all;
  }

  it('may be as long as the limit, and no longer', async () => {
    const { input, received, sent } = await begun();
    const whole = (length: number) => {
      const empty = JSON.stringify({ ...ping(1), params: { x: '' } });
      return `${JSON.stringify({ ...ping(1), params: { x: 'x'.repeat(length - empty.length) } })}\n`;
    };
    input.write(whole(longestLineBytes));
    input.write(whole(longestLineBytes + 1));
    input.write(lines(ping(2)));
    while (received.length < 2) await turn();
    assert.deepEqual(
      received.map((message) => (message as { id: number }).id),
      [1, 2],
    );
    assert.equal(sent.length, 1);
    assert.match(sent[0]?.error?.message ?? '', /^Parse error: the line is longer than 10485760 bytes/);
  });

  it('are complained about before such a line has ended', async () => {
    const { input, sent, received } = await begun();
    input.write('x'.repeat(longestLineBytes + 1));
    while (sent.length === 0) await turn();
    input.write(`${'x'.repeat(longestLineBytes)}\n${lines(ping(3))}`);
    while (received.length === 0) await turn();
    assert.equal(sent.length, 1);
  });

  it('need no line feed at the end of the input', async () => {
    const { input, received, ends } = await begun();
    input.end(JSON.stringify(ping(9)));
    while (ends() === 0) await turn();
    assert.deepEqual(received, [ping(9)]);
  });

  it('are not read while the client does not read', async () => {
    const { transport, input, received, unread } = await begun({ isReading: false });
    const large = { jsonrpc: '2.0' as const, id: 0, result: { text: 'x'.repeat(3_000_000) } };
    const sending = [transport.send(large), transport.send(large)];
    input.write(lines(ping(1)));
    await turn();
    // At most one chunk may have been on its way.
    const before = received.length;
    input.write(lines(ping(2), ping(3)));
    await turn();
    assert.equal(received.length, before);
    assert.equal(input.isPaused(), true);
    for (const done of unread) done();
    await Promise.all(sending);
    while (received.length < 3) await turn();
    assert.deepEqual(received, [ping(1), ping(2), ping(3)]);
  });

  it('are not read after the end', async () => {
    const { transport, input, received } = await begun();
    let closes = 0;
    transport.onclose = () => {
      closes += 1;
    };
    await transport.close();
    await transport.close();
    input.write(lines(ping(1)));
    await turn();
    assert.deepEqual([closes, received], [1, []]);
  });

  it('do not end the connection when whoever gets a message throws', async () => {
    const { transport, input } = await begun();
    const errors: string[] = [];
    transport.onerror = ({ message }) => errors.push(message);
    transport.onmessage = () => {
      throw new Error('not mine');
    };
    input.write(lines(ping(1), ping(2)));
    while (errors.length < 2) await turn();
    assert.deepEqual(errors, ['not mine', 'not mine']);
  });
});

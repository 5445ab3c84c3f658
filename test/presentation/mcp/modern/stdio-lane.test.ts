import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { ModernServer, RequestStream } from '../../../../src/presentation/mcp/modern/modern-server.ts';
import { StdioLane } from '../../../../src/presentation/mcp/modern/stdio-lane.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { modernRequest } from './meta.ts';

/** A lane whose server answers when the test says so. */
function open() {
  const sent: JSONRPCMessage[] = [];
  const asked: {
    readonly stream: RequestStream;
    readonly answer: (message: JSONRPCMessage | null) => void;
  }[] = [];
  let loads = 0;
  const server = {
    answer: (_: unknown, stream: RequestStream) =>
      new Promise<JSONRPCMessage | null>((answer) => {
        asked.push({ stream, answer });
      }),
  } as unknown as ModernServer;
  const lane = new StdioLane({
    identity: serverIdentity('1.2.3'),
    load: async () => {
      loads += 1;
      return server;
    },
    send: async (message) => {
      sent.push(message);
    },
  });
  return { lane, sent, asked, loads: () => loads };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const cancelled = (requestId: unknown): JSONRPCMessage =>
  ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }) as JSONRPCMessage;

describe('the messages of 2026-07-28 on stdio', () => {
  it('are told from the others one by one', () => {
    const { lane } = open();
    const legacy = (method: string): JSONRPCMessage => ({ jsonrpc: '2.0', id: 1, method, params: {} });
    assert.equal(lane.take(legacy('initialize')), false);
    assert.equal(lane.take(legacy('tools/list')), false);
    assert.equal(lane.take({ jsonrpc: '2.0', id: 1, result: {} }), false);
    assert.equal(lane.take({ jsonrpc: '2.0', method: 'notifications/initialized' }), false);
    assert.equal(lane.take(legacy('server/discover')), true);
    assert.equal(lane.take(modernRequest(1, 'initialize')), true);
  });

  it('include the question of what there is, and refusals, which need nothing loaded', async () => {
    const { lane, sent, loads } = open();
    lane.take(modernRequest(1, 'server/discover'));
    lane.take({ jsonrpc: '2.0', id: 2, method: 'server/discover' });
    await turn();
    assert.equal(loads(), 0);
    assert.deepEqual(
      sent.map((message) => ('error' in message ? message.error.code : 'result' in message)),
      [true, -32602],
    );
  });

  it('are cancelled by id, once, and say nothing afterwards; other ids belong to the other versions', async () => {
    const { lane, sent, asked, loads } = open();
    lane.take(modernRequest(1, 'tools/list'));
    lane.take(modernRequest('1', 'tools/list'));
    await turn();
    assert.equal(loads(), 1);
    assert.equal(lane.take(cancelled(7)), false);
    assert.equal(lane.take(cancelled(1)), true);
    assert.equal(lane.take(cancelled(1)), false);
    assert.deepEqual(
      asked.map(({ stream }) => stream.signal.aborted),
      [true, false],
    );
    await asked[0]?.stream.tell({ jsonrpc: '2.0', method: 'notifications/progress' } as JSONRPCMessage);
    asked[0]?.answer(null);
    asked[1]?.answer({ jsonrpc: '2.0', id: '1', result: {} });
    await turn();
    assert.deepEqual(sent, [{ jsonrpc: '2.0', id: '1', result: {} }]);
  });

  it('may use an id again only after its answer', async () => {
    const { lane, sent, asked } = open();
    lane.take(modernRequest(1, 'tools/list'));
    lane.take(modernRequest(1, 'tools/list'));
    await turn();
    assert.equal(asked.length, 1);
    assert.equal('error' in (sent[0] ?? {}) && (sent[0] as { error: { code: number } }).error.code, -32600);
    asked[0]?.answer({ jsonrpc: '2.0', id: 1, result: {} });
    await turn();
    lane.take(modernRequest(1, 'tools/list'));
    await turn();
    assert.equal(asked.length, 2);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { makeMcpServer } from '../../../../src/presentation/mcp/server/server.ts';
import { answerEarly, protocolVersions } from '../../../../src/presentation/mcp/transport/handshake.ts';

const identity = serverIdentity('1.2.3');

function initialize(params: Record<string, unknown> = {}, id: unknown = 1): Record<string, unknown> {
  const plain = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  return { jsonrpc: '2.0', id, method: 'initialize', params: { ...plain, ...params } };
}

const early = (message: object) => answerEarly(message as JSONRPCMessage, identity);

async function fromSdk(message: object): Promise<unknown> {
  const runtime = { version: '1.2.3', watchLog: () => () => {} } as unknown as Runtime;
  const server = makeMcpServer({ runtime, identity, projectPath: '/', ending: new AbortController().signal });
  const [near, far] = InMemoryTransport.createLinkedPair();
  const answer = new Promise((resolve) => {
    near.onmessage = resolve;
  });
  await Promise.all([server.connect(far), near.start()]);
  await near.send(message as JSONRPCMessage);
  return answer;
}

describe('the handshake', () => {
  it('knows the versions of the SDK', () => {
    assert.deepEqual(protocolVersions, SUPPORTED_PROTOCOL_VERSIONS);
  });

  for (const version of [...protocolVersions, '2026-07-28', 'nonsense']) {
    it(`answers ${version} as the SDK does`, async () => {
      const message = initialize({
        protocolVersion: version,
        capabilities: { roots: { listChanged: true }, experimental: {} },
      });
      assert.deepEqual(early(message), await fromSdk(message));
    });
  }

  for (const [what, message] of [
    ['another method', { jsonrpc: '2.0', id: 1, method: 'ping' }],
    ['a notification', { jsonrpc: '2.0', method: 'initialize' }],
    ['an answer', { jsonrpc: '2.0', id: 1, result: {} }],
    ['no parameters', { jsonrpc: '2.0', id: 1, method: 'initialize' }],
    ['no version', initialize({ protocolVersion: undefined })],
    ['a client without a name', initialize({ clientInfo: { version: '1' } })],
    ['capabilities that are none', initialize({ capabilities: { roots: true } })],
  ] as const) {
    it(`leaves ${what} to the SDK`, async () => {
      assert.equal(early(message), null);
      if (!('method' in message && 'id' in message) || message.method !== 'initialize') return;
      const { error } = (await fromSdk(message)) as { error: { code: number; message: string } };
      assert.equal(error.code, -32602);
      assert.match(error.message, /^initialize: params/);
    });
  }
});

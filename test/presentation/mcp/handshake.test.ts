import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import type { Runtime } from '../../../src/application/runtime.ts';
import { protocolVersions, shakeHands } from '../../../src/presentation/mcp/handshake.ts';
import { serverIdentity } from '../../../src/presentation/mcp/identity.ts';
import { makeMcpServer } from '../../../src/presentation/mcp/server.ts';

const identity = serverIdentity('1.2.3');

function initialize(params: Record<string, unknown> = {}, id: unknown = 1): Record<string, unknown> {
  const plain = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  return { jsonrpc: '2.0', id, method: 'initialize', params: { ...plain, ...params } };
}

/** What comes back for the messages, and what is left for the SDK to read. */
async function early(...chunks: (string | object)[]) {
  const stdin = new PassThrough();
  const sent: string[] = [];
  const done = shakeHands(stdin, (line) => sent.push(line), identity);
  for (const chunk of chunks) stdin.write(typeof chunk === 'string' ? chunk : `${JSON.stringify(chunk)}\n`);
  stdin.end();
  const { input, answered } = await done;
  return { answers: sent.map((line) => JSON.parse(line)), answered, rest: await text(input) };
}

async function fromSdk(message: object): Promise<unknown> {
  const runtime = { version: '1.2.3' } as Runtime;
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
      const { answers, answered, rest } = await early(message);
      assert.deepEqual(answers, [await fromSdk(message)]);
      assert.equal(answered, 1);
      assert.deepEqual(JSON.parse(rest), message);
    });
  }

  it('answers the probe of newer clients as the SDK does, and keeps it from being answered twice', async () => {
    const question = { jsonrpc: '2.0', id: 'p', method: 'server/discover', params: {} };
    const { answers, answered, rest } = await early(question, initialize({}, 'i'));
    assert.deepEqual(answers[0], await fromSdk(question));
    assert.deepEqual([answers.length, answered], [2, 'i']);
    assert.deepEqual(JSON.parse(rest), initialize({}, 'i'));
  });

  it('passes on what comes behind, in whatever pieces', async () => {
    const lines = `${JSON.stringify(initialize())}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n{"half":`;
    const { answers, rest } = await early(lines.slice(0, 30), lines.slice(30, 100), lines.slice(100));
    assert.equal(answers.length, 1);
    assert.equal(rest, lines);
  });

  for (const [what, message] of [
    ['another method', { jsonrpc: '2.0', id: 1, method: 'ping' }],
    ['no id', { ...initialize(), id: undefined }],
    ['a null id', initialize({}, null)],
    ['no version', initialize({ protocolVersion: undefined })],
    ['a client without a name', initialize({ clientInfo: { version: '1' } })],
    ['capabilities that are none', initialize({ capabilities: { roots: true } })],
    ['no JSON', 'initialize\n'],
    ['a batch', `${JSON.stringify([initialize()])}\n`],
    ['an endless line', 'x'.repeat(70_000)],
    ['nothing', ''],
  ] as const) {
    it(`leaves ${what} to the SDK`, async () => {
      const { answers, answered, rest } = await early(message);
      assert.deepEqual([answers, answered], [[], null]);
      assert.equal(rest, typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
    });
  }
});

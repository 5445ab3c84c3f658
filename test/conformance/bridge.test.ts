import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { it } from 'node:test';
import { openBridge } from './bridge.ts';

/** Answers every request after a notification, and violates the protocol. */
const rude = `
  const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
  process.stdin.on('data', (line) => {
    console.log('Hello!');
    say({ method: 'notifications/message' });
    say({ id: JSON.parse(line).id, result: {} });
  });
  process.stdin.on('end', () => process.exit(3));
`;

it('carries messages, forgets a session that was ended, and tells what its server did wrong', async () => {
  const bridge = await openBridge({ script: ['--eval', rude], folder: tmpdir(), env: process.env });
  const post = (headers: Record<string, string>) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize' });
    return fetch(bridge.url, { method: 'POST', headers, body });
  };
  const answer = await post({});
  const session = { 'mcp-session-id': answer.headers.get('mcp-session-id') ?? '' };
  const messages = [...(await answer.text()).matchAll(/^data: (\{.*)$/gm)].map(([, text = '']) =>
    JSON.parse(text),
  );
  assert.deepEqual(messages, [
    { jsonrpc: '2.0', method: 'notifications/message' },
    { jsonrpc: '2.0', id: 1, result: {} },
  ]);

  assert.equal((await fetch(bridge.url, { method: 'DELETE', headers: session })).status, 204);
  assert.equal((await post(session)).status, 404);
  const problems = await bridge.close();
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? '', /^stdout had the line Hello!: SyntaxError/);
  assert.match(problems[1] ?? '', /ended with 3: /);
});

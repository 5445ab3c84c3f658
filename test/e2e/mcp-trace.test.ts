import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { LineClient } from '../helpers/line-client.ts';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

let folder: MaosFolder;
const clients: LineClient[] = [];
before(async () => {
  folder = await MaosFolder.make();
  mkdirSync(folder.home, { mode: 0o700 });
});
afterEach(() => {
  for (const { child } of clients.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
after(() => folder.remove());

/** What is said to a server and by it, from the beginning to the end, and its log of that. */
async function converse(env: NodeJS.ProcessEnv) {
  const client = new LineClient(folder, env);
  clients.push(client);
  await client.request('server/discover', {});
  await client.initialize();
  await client.write('no JSON, with sk-ant-api03-hunter2hunter2hunter2\n');
  await client.request('tools/list');
  const args = { api_key: 'hunter2', nested: { text: '{"password":"hunter2"}' } };
  await client.request('tools/call', { name: 'list-sessions', arguments: args });
  assert.deepEqual(await client.leave(), [0, null]);
  assert.deepEqual([client.noise, client.stderr], [[], '']);
  const logs = join(folder.home, 'logs');
  const files = existsSync(logs)
    ? readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'))
    : [];
  const text = files.find((content) => content.includes(`"pid":${client.pid},`)) ?? '';
  return { text, records: text === '' ? [] : jsonLines(text) };
}

const expected = [
  ['in', 'request', 'server/discover'],
  ['out', 'response', undefined],
  ['in', 'request', 'initialize'],
  ['out', 'response', undefined],
  ['in', 'notification', 'notifications/initialized'],
  ['in', 'other', undefined],
  ['out', 'response', undefined],
  ['in', 'request', 'tools/list'],
  ['out', 'response', undefined],
  ['in', 'request', 'tools/call'],
  ['out', 'response', undefined],
];

function assertTraced({ text, records }: Awaited<ReturnType<typeof converse>>): void {
  // What the server tells its client of its own log comes when it may.
  const messages = records.filter(
    ({ message, method }) => message === 'mcp message' && method !== 'notifications/message',
  );
  assert.deepEqual(
    messages.map(({ direction, kind, method }) => [direction, kind, method]),
    expected,
  );
  const answers = messages.filter(({ kind, id }) => kind === 'response' && id !== undefined);
  assert.equal(answers.length, 4);
  for (const { durationMs } of answers) assert.ok(Number(durationMs) > 0, JSON.stringify(answers));
  assert.deepEqual(
    messages.flatMap(({ errorCode }) => (errorCode === undefined ? [] : [errorCode])),
    [-32602, -32700],
  );
  assert.match(JSON.stringify(messages[3]?.body), /"serverInfo":\{"name":"maos"/);
  assert.equal(messages[5]?.body, 'no JSON, with [redacted]');
  const call = messages[9]?.body as { params: { arguments: unknown } };
  const told = { api_key: '[redacted]', nested: { text: '{"password":"[redacted]"}' } };
  assert.deepEqual(call.params.arguments, told);
  assert.doesNotMatch(text, /hunter2/);
}

describe('the trace of a server', () => {
  it('has every message with MAOS_LOG=trace, from the first on, with durations and without secrets', async () => {
    assertTraced(await converse({ MAOS_LOG: 'trace' }));
  });

  it('has none otherwise', async () => {
    for (const level of ['', 'debug']) {
      const { text } = await converse({ MAOS_LOG: level });
      assert.match(text, /"the server ends"/);
      assert.doesNotMatch(text, /"mcp message"|"trace"/);
    }
  });

  it('can be switched on in the settings, and off by the variable', async () => {
    const settings = join(folder.home, 'config.json');
    writeFileSync(settings, JSON.stringify({ log: { level: 'trace' } }), { mode: 0o600 });
    assertTraced(await converse({}));
    assert.doesNotMatch((await converse({ MAOS_LOG: 'warn' })).text, /"mcp message"/);
  });

  it('does not break over a level that is none: calls say what is wrong', async () => {
    const client = new LineClient(folder, { MAOS_LOG: 'loud' });
    clients.push(client);
    await client.initialize();
    await client.write('this is not JSON\n');
    const { result } = await client.request('tools/call', { name: 'list-sessions' });
    assert.equal(client.complaints.length, 1);
    assert.ok(result);
    assert.deepEqual(await client.leave(), [0, null]);
  });
});

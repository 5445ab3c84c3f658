import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/waiting.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

const holder = fileURLToPath(new URL('../infrastructure/sqlite/fixtures/store-process.ts', import.meta.url));

/** Another program takes the lock of one that writes. @returns lets it go */
async function lock(t: TestContext, file: string): Promise<() => Promise<unknown>> {
  const child = spawn(process.execPath, ['--no-warnings', holder, 'holdLock', file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  await once(child.stdout, 'data');
  return () => {
    child.stdin.end('go');
    return gone;
  };
}

it('a server answers while another program holds the locks of its databases, and writes when they are free', async (t) => {
  const folder = await maosFolder(t);
  const { token } = await folder.json<{ token: string }>('token');
  writeFileSync(join(folder.home, 'config.json'), '{"allowCommands":["sleep 600"]}');
  // Longer than the test may take: whatever waits on the event loop never answers.
  const server = await HttpProcess.start(t, folder, { env: { MAOS_BUSY_TIMEOUT_MS: '600000' } });
  const at = { url: `http://127.0.0.1:${server.port}`, token };
  const headers = await openSession(at);
  let asked = 0;
  const call = async (name: string, args: object): Promise<string> => {
    asked += 1;
    const body = request(asked, 'tools/call', { name, arguments: args });
    return (await send(at, 'POST', { headers, body })).text();
  };
  const team = { objective: 'Stay.', agents: [{ role: 'qa', task: 'Wait.', command: 'sleep 600' }] };
  const first = await call('orchestrate', team);
  const id = /"session_id":"(sess_[^"]+)"/.exec(first)?.[1] ?? assert.fail(first);
  const [database = assert.fail()] = globSync(join(folder.home, 'projects/*/project.db'));
  const free = [await lock(t, database), await lock(t, join(folder.home, 'instances.db'))];
  const heard = (): boolean =>
    globSync(join(folder.home, 'logs/*.log')).some((log) =>
      readFileSync(log, 'utf8').includes('cannot write the heartbeat of a session'),
    );
  await until(heard, 'the server to say that its heartbeat waits');
  const later = [call('control-session', { session_id: id, action: 'cancel' }), call('orchestrate', team)];
  assert.equal((await server.ask('/health')).status, 200);
  assert.match(await call('session-status', { session_id: id }), /"state":"running"/);
  assert.match(await call('list-sessions', {}), new RegExp(id));
  const read = await folder.run('status', id);
  assert.equal(read.status, 0, read.stderr);
  for (const release of free) await release();
  const [cancelled = '', started = ''] = await Promise.all(later);
  assert.match(cancelled, /"cancel/);
  assert.match(started, /"session_id":"sess_/);
  await folder.run('cancel', 'latest');
});

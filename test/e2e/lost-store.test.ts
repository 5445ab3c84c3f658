import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { until } from '../helpers/waiting.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

/** A server, and its tools as a client calls them. */
async function serve(t: TestContext, folder: MaosFolder, allowCommands: readonly string[]) {
  const { token } = await folder.json<{ token: string }>('token');
  writeFileSync(join(folder.home, 'config.json'), JSON.stringify({ allowCommands }));
  const server = await HttpProcess.start(t, folder);
  const at = { url: `http://127.0.0.1:${server.port}`, token };
  const headers = await openSession(at);
  let asked = 0;
  const call = async (name: string, args: object): Promise<string> => {
    asked += 1;
    const body = request(asked, 'tools/call', { name, arguments: args });
    return (await send(at, 'POST', { headers, body })).text();
  };
  const orchestrate = (command: string): Promise<string> =>
    call('orchestrate', { objective: command, agents: [{ role: 'qa', task: 'Run it.', command }] });
  return { server, call, orchestrate };
}

const idIn = (answer: string): string =>
  /"session_id":"(sess_[^"]+)"/.exec(answer)?.[1] ?? assert.fail(answer);
const lost = /STORE_CORRUPT: The database .*project\.db was moved, replaced or deleted.*maos recover/;

it('a database that goes away under a server: refused and said, and used again when it is back or recovered', async (t) => {
  const folder = await maosFolder(t);
  const { call, orchestrate } = await serve(t, folder, ['true', 'touch ran', 'echo again']);
  const first = idIn(await orchestrate('true'));
  await call('wait-session', { session_id: first });
  // Until its last owner has let go of it, its files are not complete.
  await folder.run('wait', first);
  const files = (from: string): string[] => globSync(join(from, 'project.db*'));
  const [home = assert.fail()] = globSync(join(folder.home, 'projects/*'));
  const aside = join(folder.project, 'aside');
  mkdirSync(aside);
  const moveAll = (from: string, to: string): void => {
    for (const file of files(from)) renameSync(file, join(to, basename(file)));
  };

  moveAll(home, aside);
  assert.match(await orchestrate('touch ran'), lost);
  assert.deepEqual(files(home), [], 'no other one is made in its place');

  moveAll(aside, home);
  const second = idIn(await orchestrate('echo again'));
  await call('wait-session', { session_id: second });
  assert.match((await folder.run('list')).stdout, new RegExp(second));

  for (const file of files(home)) rmSync(file);
  assert.match(await orchestrate('touch ran'), lost);
  const recovered = await folder.run('recover', first);
  assert.equal(recovered.status, 0, recovered.stderr);
  assert.match(await call('list-sessions', {}), new RegExp(first));
  const third = idIn(await orchestrate('echo again'));
  const { stdout } = await folder.run('list');
  for (const id of [first, third]) assert.match(stdout, new RegExp(id));
  await call('wait-session', { session_id: third });
  assert.ok(!existsSync(join(folder.project, 'ran')));
});

it('a registry that goes away under a server is made again, and the server is in it', async (t) => {
  const folder = await maosFolder(t);
  const { server, call, orchestrate } = await serve(t, folder, ['sleep 600']);
  const id = idIn(await orchestrate('sleep 600'));
  for (const file of globSync(join(folder.home, 'instances.db*'))) rmSync(file);
  const again = join(folder.home, 'instances.db');
  await until(() => existsSync(again));
  const { instances } = await folder.json<{ instances: readonly { pid: number; state: string }[] }>(
    'instances',
  );
  assert.deepEqual(
    instances.filter(({ pid }) => pid === server.child.pid).map(({ state }) => state),
    ['alive'],
  );
  await call('control-session', { session_id: id, action: 'cancel' });
  await call('wait-session', { session_id: id });
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../helpers/waiting.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

async function tokenOf(folder: MaosFolder, ...args: readonly string[]): Promise<string> {
  return (await folder.run('token', ...args)).stdout.trim();
}

const html = 'Accept: text/html';

/** An open stream of events. `ended` settles when the server closes it. */
async function stream(server: HttpProcess, cookie: string): Promise<{ readonly ended: Promise<unknown> }> {
  const begun = Promise.withResolvers<void>();
  const ended = server.wire(
    `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${cookie}\r\n\r\n`,
    (text) => {
      if (text.includes('event: snapshot')) begun.resolve();
      return false;
    },
  );
  await begun.promise;
  return { ended };
}

describe('a browser that is signed in', () => {
  it('stays so when the server is killed and starts again, until the token is replaced', async (t) => {
    const folder = await maosFolder(t);
    const first = await HttpProcess.start(t, folder);
    const cookie = await first.signIn(await tokenOf(folder));
    assert.equal((await first.ask('/', [cookie, html])).status, 200);
    await first.end('SIGKILL');
    const second = await HttpProcess.start(t, folder);
    assert.equal((await second.ask('/', [cookie, html])).status, 200);
    const { ended } = await stream(second, cookie);
    const token = await tokenOf(folder, '--rotate');
    // The connections of the old token are being closed meanwhile, perhaps also these, without an answer.
    for (const question of ['/', '/api/requests'])
      await until(async () => {
        const { status } = await second.ask(question, [cookie, html]);
        assert.ok([0, 401].includes(status), `the old sign-in gets ${status}`);
        return status === 401;
      });
    await ended;
    assert.ok(!readdirSync(folder.home).includes('sign-ins'));
    await until(async () => {
      const again = await second.signIn(token).catch(() => '');
      return (await second.ask('/api/requests', [again])).status === 200;
    });
  });

  it('hears no more events when it has signed out, and only it', async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder);
    const token = await tokenOf(folder);
    const [cookie, other] = [await server.signIn(token), await server.signIn(token)];
    const [one, second, others] = await Promise.all([cookie, cookie, other].map((of) => stream(server, of)));
    let isOthersOpen = true;
    void others?.ended.then(() => {
      isOthersOpen = false;
    });
    const own = [`Origin: http://127.0.0.1:${server.port}`, 'Content-Type: application/json'];
    assert.equal((await server.ask('/api/sign-out', [cookie, ...own], 'POST')).status, 204);
    await Promise.all([one?.ended, second?.ended]);
    assert.equal((await server.ask('/api/requests', [other])).status, 200);
    assert.ok(isOthersOpen);
    await server.end();
  });

  it('of another home on this host keeps its own cookie', async (t) => {
    const [one, other] = [await maosFolder(t), await maosFolder(t)];
    const servers = [await HttpProcess.start(t, one), await HttpProcess.start(t, other)] as const;
    const cookies = [
      await servers[0].signIn(await tokenOf(one)),
      await servers[1].signIn(await tokenOf(other)),
    ] as const;
    const both = `${cookies[0]}; ${cookies[1].replace('Cookie: ', '')}`;
    for (const [index, server] of servers.entries()) {
      assert.equal((await server.ask('/', [both, html])).status, 200);
      assert.equal((await server.ask('/', [cookies[1 - index] ?? '', html])).status, 401);
      const renamed = cookies[1 - index]?.replace(/maos_\w+/, cookies[index]?.slice(8, 21) ?? '') ?? '';
      assert.equal((await server.ask('/', [renamed, html])).status, 401);
    }
  });

  it('leaves no secret in logs and files', async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder, { env: { MAOS_LOG: 'trace' } });
    const token = await tokenOf(folder);
    const link = await server.ask('/api/sign-in-links', [`Authorization: Bearer ${token}`], 'POST', '{}');
    const url = new URL(JSON.parse(link.body).url);
    const code = url.searchParams.get('code') ?? '';
    const { headers, text } = await server.ask(`${url.pathname}${url.search}`);
    const secret = /=([^;]+)/.exec(headers.get('set-cookie') ?? '')?.[1] ?? '';
    assert.ok(!text.includes(token) && !text.includes(code) && !headers.get('location')?.includes('?'));
    await server.ask(`/sign-in?code=${code}`);
    await server.ask('/api/requests', [`Cookie: maos_0=${secret}`, `Referer: ${url}`]);
    await server.ask('/events?session=x', [`Cookie: ${headers.get('set-cookie')?.split(';')[0]}`]);
    await server.end();
    const names = readdirSync(folder.home, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile() && entry.name !== 'http-token');
    assert.ok(files.some(({ parentPath }) => parentPath === join(folder.home, 'logs')));
    for (const { parentPath, name } of files) {
      const content = readFileSync(join(parentPath, name), 'latin1');
      for (const one of [token, code, secret]) assert.ok(!content.includes(one) && !name.includes(one), name);
    }
    for (const one of [token, code, secret]) assert.ok(!server.stderr.includes(one));
  });
});

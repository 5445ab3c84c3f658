import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../helpers/waiting.ts';
import { type Finished, isThere, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { cliDocuments } from '../tooling/cli-documents.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

interface Opened {
  readonly url: string;
  readonly expires_at: string;
  readonly pid: number;
  readonly port: number;
  readonly started: boolean;
}

/** Without the display and the connection of whoever runs the tests. */
function openWith(folder: MaosFolder, env: Record<string, string>, ...args: string[]): Promise<Finished> {
  const { DISPLAY: _, WAYLAND_DISPLAY: __, SSH_CONNECTION: ___, ...inherited } = folder.env;
  return folder.start(['open', ...args], { env: { ...inherited, WSL_DISTRO_NAME: '', ...env } }).finished;
}

/** What a browser gets that follows a link. */
async function follow(url: string): Promise<Response> {
  return fetch(url, { redirect: 'manual' });
}

describe('maos open', () => {
  it('starts a server in the background, prints a link to it, and uses it again until it is stopped', async (t) => {
    const folder = await maosFolder(t);
    const first = await openWith(folder, {});
    assert.equal(first.status, 0, first.stderr);
    const [, pid = '', port = ''] =
      /^Started a server in the background: process (\d+), port (\d+)\. '.*maos.* open --stop' ends it\.\n/.exec(
        first.stderr,
      ) ?? assert.fail(first.stderr);
    assert.match(first.stdout, new RegExp(`^http://127\\.0\\.0\\.1:${port}/sign-in\\?code=[\\w-]{43}\\n$`));
    assert.match(first.stderr, new RegExp(`^  ssh -N -L ${port}:127\\.0\\.0\\.1:${port} \\S+$`, 'm'));
    assert.equal((await follow(first.stdout.trim())).status, 303);
    assert.equal((await follow(first.stdout.trim())).status, 401);
    const again = await folder.json<Opened>('open');
    assert.equal(cliDocuments.open?.safeParse(again).error, undefined);
    assert.deepEqual([again.pid, again.port, again.started], [Number(pid), Number(port), false]);
    assert.ok(Date.parse(again.expires_at) > Date.now());
    assert.equal((await follow(again.url)).headers.get('location'), '/');
    const stopped = await folder.run('open', '--stop');
    assert.deepEqual([stopped.status, stopped.stderr], [0, `Process ${pid} has ended.\n`]);
    assert.equal(isThere(Number(pid)), false);
    const { status, stderr } = await folder.run('open', '--stop');
    assert.equal(status, 0);
    assert.match(stderr, /^No server that '.*' started is running\./);
    assert.deepEqual(readdirSync(join(folder.home, 'servers')), []);
  });

  it('starts another server when the last one was killed', async (t) => {
    const folder = await maosFolder(t);
    const { pid } = await folder.json<Opened>('open');
    process.kill(pid, 'SIGKILL');
    await until(async () => !isThere(pid));
    const next = await folder.json<Opened>('open');
    assert.equal(next.started, true);
    const stopped = await folder.json('open', '--stop');
    assert.deepEqual(stopped, { stopped: [{ pid: next.pid, ended: true }] });
    assert.equal(cliDocuments['open --stop']?.safeParse(stopped).error, undefined);
    assert.deepEqual(readdirSync(join(folder.home, 'servers')), []);
  });

  it("uses the user's own server, and leaves it alone", async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder);
    const { port, started, url } = await folder.json<Opened>('open');
    assert.deepEqual([port, started], [server.port, false]);
    assert.equal((await follow(url)).status, 303);
    assert.deepEqual(await folder.json('open', '--stop'), { stopped: [] });
    assert.equal((await server.ask('/health')).status, 200);
    await server.end();
  });

  it('does not hand the token to another program on the port of a server', async (t) => {
    const folder = await maosFolder(t);
    let heard = '';
    const stranger = createServer((request, response) => {
      heard += JSON.stringify(request.headers) + request.url;
      response.end('{"status":"ok","version":"0.0.0"}');
    }).listen(0, '127.0.0.1');
    t.after(() => stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as AddressInfo;
    // Listens on another address of this machine, with the same port.
    const args = ['--http', `127.0.0.2:${port}`, '--no-stdio'];
    await HttpProcess.start(t, folder, { args });
    const opened = await folder.json<Opened>('open');
    assert.equal(opened.started, true);
    assert.match(heard, /\/health$/);
    assert.ok(!heard.includes(readFileSync(join(folder.home, 'http-token'), 'utf8').trim()));
  });

  it('shows a session, by part of its id', async (t) => {
    const folder = await maosFolder(t);
    const ran = await folder.run('run', '-x', 'a=true', '--json');
    const list = await folder.json<{ sessions: { session_id: string }[] }>('list');
    const id = list.sessions[0]?.session_id ?? assert.fail(ran.stderr);
    const { url } = await folder.json<Opened>('open', id.slice(-6));
    assert.equal((await follow(url)).headers.get('location'), `/#/sessions/${id}`);
    const { status, stderr } = await folder.run('open', 'nosuch');
    assert.equal(status, 3);
    assert.match(stderr, /There is no session "nosuch"/);
  });

  it('opens the browser where there is one, and says when that fails', async (t) => {
    const folder = await maosFolder(t);
    const bin = join(folder.project, 'bin');
    mkdirSync(bin);
    const opener = (status: number) =>
      writeFileSync(
        join(bin, 'xdg-open'),
        `#!/bin/sh\nprintf '%s ' "$@" >'${bin}/opened'\nexit ${status}\n`,
        {
          mode: 0o755,
        },
      );
    const env = { DISPLAY: ':99', PATH: `${bin}:${process.env.PATH}` };
    opener(0);
    const { stdout, stderr } = await openWith(folder, env);
    assert.equal(readFileSync(join(bin, 'opened'), 'utf8').trim(), stdout.trim());
    assert.doesNotMatch(stderr, /ssh/);
    opener(3);
    assert.match(
      (await openWith(folder, env)).stderr,
      /No browser could be opened: open the link yourself\./,
    );
    writeFileSync(join(bin, 'opened'), '');
    assert.match((await openWith(folder, env, '--no-browser')).stderr, /ssh -N -L/);
    const remote = { ...env, SSH_CONNECTION: '192.0.2.1 50000 192.0.2.7 22' };
    assert.match((await openWith(folder, remote)).stderr, /ssh -N -L \S+ \S*@192\.0\.2\.7$/m);
    assert.equal(readFileSync(join(bin, 'opened'), 'utf8'), '');
  });

  it('says why the server did not start', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(join(folder.home, 'http-token'), { recursive: true });
    const { status, stderr } = await folder.run('open');
    assert.notEqual(status, 0);
    assert.match(stderr, /http-token" does not contain a token/);
  });
});

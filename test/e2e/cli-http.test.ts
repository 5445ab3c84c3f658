import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { assertRefused } from './engine-bench.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

interface InstanceView {
  readonly pid: number;
  readonly port: number | null;
  readonly state: string;
}

async function tokenOf(folder: MaosFolder, ...args: readonly string[]): Promise<string> {
  return (await folder.json<{ token: string }>('token', ...args)).token;
}

async function instancesOf(folder: MaosFolder): Promise<readonly (readonly [number | null, string])[]> {
  const { instances } = await folder.json<{ instances: readonly InstanceView[] }>('instances');
  return instances.map(({ port, state }) => [port, state]);
}

function bearer(token: string): string {
  return `Authorization: Bearer ${token}`;
}

async function statusWith(server: HttpProcess, token: string): Promise<number> {
  return (await server.ask('/acp/ping', [bearer(token)])).status;
}

describe('maos token', () => {
  it('makes one at the first call, for the user alone, whatever the umask', async (t) => {
    const folder = await maosFolder(t);
    const umask = process.umask(0);
    try {
      const { status, stdout, stderr } = await folder.run('token');
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^[A-Za-z0-9_-]{43}\n$/);
      assert.equal(await tokenOf(folder), stdout.trim());
    } finally {
      process.umask(umask);
    }
    const file = join(folder.home, 'http-token');
    assert.deepEqual([statSync(folder.home).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600]);
    chmodSync(file, 0o644);
    chmodSync(folder.home, 0o755);
    await folder.run('token');
    // The permissions of an existing folder are the user's decision.
    assert.deepEqual([statSync(folder.home).mode & 0o777, statSync(file).mode & 0o777], [0o755, 0o600]);
  });

  it('says what is wrong with a file that holds none, and --rotate mends it', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(folder.home, { mode: 0o700 });
    const file = join(folder.home, 'http-token');
    const spoil: readonly (() => void)[] = [
      () => writeFileSync(file, ''),
      () => writeFileSync(file, 'secret\n'),
      () => writeFileSync(file, `${'a'.repeat(43)}\n${'b'.repeat(43)}\n`),
      () => writeFileSync(file, '\u0000'.repeat(43)),
      () => symlinkSync('nowhere', file),
    ];
    for (const make of spoil) {
      rmSync(file, { force: true });
      make();
      const expected = {
        status: 2,
        code: 'CONFIG_INVALID',
        says: /http-token" does not contain a token.*--rotate/,
      };
      assertRefused(await folder.run('token'), expected);
      assertRefused(await folder.run('serve', '--http', '0', '--no-stdio'), expected);
      const mended = await tokenOf(folder, '--rotate');
      assert.equal(await tokenOf(folder), mended);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    rmSync(file);
    mkdirSync(file);
    for (const [args, says] of [
      [[], /http-token" does not contain a token/],
      [['--rotate'], /http-token" is a folder.*move it away/],
    ] as const) {
      assertRefused(await folder.run('token', ...args), { status: 2, code: 'CONFIG_INVALID', says });
    }
  });
});

describe('maos serve --http', () => {
  it('has one token, however many begin at once', async (t) => {
    const folder = await maosFolder(t);
    const servers = await Promise.all([1, 2, 3].map(() => HttpProcess.start(t, folder)));
    const token = await tokenOf(folder);
    for (const server of servers) assert.equal(await statusWith(server, token), 200);
    assert.deepEqual(
      readdirSync(folder.home).filter((name) => name.includes('token')),
      ['http-token'],
    );
    const ports = servers.map(({ port }) => [port, 'alive'] as const);
    const byPort = (a: readonly unknown[], b: readonly unknown[]): number => Number(a[0]) - Number(b[0]);
    assert.deepEqual((await instancesOf(folder)).toSorted(byPort), ports.toSorted(byPort));
  });

  it('takes a new token at once, and cuts what was opened with the old one', async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder);
    const old = await tokenOf(folder);
    let begun = (): void => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const head = `GET /events HTTP/1.1\r\nHost: localhost\r\n${bearer(old)}\r\n\r\n`;
    const stream = server.wire(head, (text) => {
      if (text.includes('event: snapshot')) begun();
      return false;
    });
    await hasBegun;
    const rotated = await tokenOf(folder, '--rotate');
    assert.equal(await statusWith(server, old), 401);
    assert.equal(await statusWith(server, rotated), 200);
    assert.equal((await stream).status, 200, 'the stream has ended');

    writeFileSync(join(folder.home, 'http-token'), 'spoilt');
    const refused = await server.ask('/acp/ping', [bearer(rotated)]);
    assert.equal(refused.status, 503);
    assert.ok(!refused.text.includes(folder.home) && !refused.text.includes('spoilt'), refused.text);
    const mended = await tokenOf(folder, '--rotate');
    assert.equal(await statusWith(server, mended), 200);
    rmSync(join(folder.home, 'http-token'));
    assert.equal(await statusWith(server, mended), 401);
    assert.equal(await statusWith(server, await tokenOf(folder)), 200);
  });

  it('refuses in one line what is no place to listen', async (t) => {
    const folder = await maosFolder(t);
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    for (const [args, says] of [
      [['--http', String(port)], /^maos: Port [0-9]+ of 127\.0\.0\.1 is in use: choose another one, or 0/],
      [['--http', '65536'], /not a valid address/],
      [['--http', ''], /not a valid address/],
      [['--http', 'http://localhost:80'], /not a valid address/],
      [['--http', '0.0.0.0:0'], /--allow-remote/],
      [['--http', '[::]:0'], /--allow-remote/],
      [['--http', '192.0.2.1:0'], /--allow-remote/],
      // Looks like loopback, but is not.
      [['--http', '127.0.0.1.example.org:0'], /--allow-remote/],
      [['--http', '192.0.2.1:0', '--allow-remote'], /192\.0\.2\.1 is not an address of this machine/],
      [['--http', '0', '--host-name', 'https://a.example'], /is not a host name/],
      [['--http', '0', '--host-name', '*'], /is not a host name/],
      [['--http', '0', '--project', join(folder.project, 'gone')], /does not exist/],
      [['--no-stdio'], /require --http/],
      [['--allow-remote'], /require --http/],
      [['--host-name', 'a'], /require --http/],
    ] as const) {
      assertRefused(await folder.run('serve', ...args), { status: 2, code: 'INVALID_INPUT', says });
    }
    assert.deepEqual(await instancesOf(folder), []);
  });

  it('is listed with its port, and no longer once it ended, however it ended', async (t) => {
    const folder = await maosFolder(t);
    const first = await HttpProcess.start(t, folder);
    const second = await HttpProcess.start(t, folder);
    assert.deepEqual(await instancesOf(folder), [
      [first.port, 'alive'],
      [second.port, 'alive'],
    ]);
    assert.deepEqual(await first.end(), [0, null]);
    await second.end('SIGKILL');
    assert.deepEqual(await instancesOf(folder), [[second.port, 'gone']]);
    assert.deepEqual(await instancesOf(folder), []);
  });

  it('ends with the client on stdin, but needs none', async (t) => {
    const folder = await maosFolder(t);
    const both = await HttpProcess.start(t, folder, { args: ['--http', '0'] });
    assert.equal((await both.ask('/health')).status, 200);
    both.child.stdin?.end();
    assert.deepEqual(await both.ended, [0, null]);
    // In a service or a container, stdin is /dev/null, which is at its end but has no client.
    const service = await HttpProcess.start(t, folder, { args: ['--http', '0'], stdin: 'ignore' });
    const alone = await HttpProcess.start(t, folder);
    alone.child.stdin?.end();
    for (const server of [service, alone]) {
      assert.equal(await statusWith(server, await tokenOf(folder)), 200);
      assert.equal(server.child.exitCode, null);
      assert.deepEqual(await server.end('SIGINT'), [0, null]);
    }
  });

  it('hands its sessions over when it is told to end', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(folder.home, { mode: 0o700 });
    writeFileSync(join(folder.home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
    const server = await HttpProcess.start(t, folder);
    const gate = new Gate(folder.project, 'told');
    const place = { url: `http://127.0.0.1:${server.port}`, token: await tokenOf(folder) };
    const headers = await openSession(place);
    const agents = [{ role: 'qa', task: 'Wait.', command: ['/bin/sh', '-c', gate.wait] }];
    const body = request(1, 'tools/call', {
      name: 'orchestrate',
      arguments: { objective: 'See it out.', on_exit: 'keep', agents },
    });
    const made = await (await send(place, 'POST', { headers, body })).text();
    const [, agent = ''] = /"agent_id":"([^"]+)"/.exec(made) ?? assert.fail(made);
    while (agentProcesses([agent]).length === 0) await new Promise(setImmediate);
    assert.deepEqual(await server.end(), [0, null]);
    gate.openNow();
    const { status, stderr } = await folder.run('wait', 'latest');
    assert.equal(status, 0, stderr);
  });

  it('listens for other machines, and warns, where that is meant', async (t) => {
    const folder = await maosFolder(t);
    const args = ['--http', '0.0.0.0:0', '--no-stdio', '--allow-remote', '--host-name', 'Build.example'];
    const server = await HttpProcess.start(t, folder, { args });
    assert.match(server.stderr, /^MAOS is listening on port [0-9]+ on all addresses of this machine \(/);
    for (const [host, origin, status] of [
      ['localhost', null, 200],
      ['build.example', null, 200],
      ['build.example:80', 'https://build.example', 200],
      // A proxy with TLS and another host name.
      ['localhost', 'https://build.example', 200],
      ['build.example:80', 'https://build.example:3000', 403],
      ['build.example:80', 'http://build.example:3000', 403],
      ['192.0.2.7:4711', 'http://192.0.2.7:4712', 403],
      // An address that the machine itself does not know: behind NAT, in a container.
      ['192.0.2.7:4711', null, 200],
      ['192.0.2.7:4711', 'http://192.0.2.7:4711', 200],
      ['[2001:db8::7]:4711', null, 200],
      ['192.0.2.7:4711', 'http://192.0.2.66', 403],
      ['localhost', 'http://192.0.2.66', 403],
      ['other.example', null, 403],
      ['0.0.0.0', null, 403],
      ['[::]', null, 403],
      ['192.0.2.7.example', null, 403],
    ] as const) {
      const lines = [`Host: ${host}`, ...(origin === null ? [] : [`Origin: ${origin}`])];
      assert.equal((await server.ask('/health', lines)).status, status, lines.join(', '));
    }
    assert.equal((await server.ask('/acp/ping', ['Host: 192.0.2.7'])).status, 401);
    await server.end();
    assert.match(server.stderr, /\nWithout TLS, anyone who can read this network can read the token/);
  });
});

describe('maos serve', () => {
  /** Prints at the end what Node has loaded. */
  const spy = `process.on('exit', () => process._rawDebug('LOADED ' + process.moduleLoadList.join(',')));`;

  it('loads nothing of HTTP without --http', async (t) => {
    const folder = await maosFolder(t);
    const env = {
      ...folder.env,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(spy)}`,
    };
    const messages = [
      {
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'spy', version: '1' },
        },
      },
      { method: 'notifications/initialized' },
      { id: 2, method: 'tools/list' },
      { id: 3, method: 'tools/call', params: { name: 'list-sessions', arguments: {} } },
    ];
    const input = messages.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join('');
    const loaded = async (...args: readonly string[]): Promise<readonly string[]> => {
      const { stdout, stderr } = await folder.start(['serve', ...args], { env, input }).finished;
      assert.equal(stdout.trimEnd().split('\n').length, 3, stdout + stderr);
      const modules = /^LOADED (.*)$/m.exec(stderr)?.[1]?.split(',') ?? [];
      return modules.filter((name) => /^NativeModule (_?http|http2|https|tls)/.test(name));
    };
    assert.deepEqual(await loaded(), []);
    assert.ok(!existsSync(join(folder.home, 'http-token')));
    assert.ok(
      (await loaded('--http', '0')).includes('NativeModule http'),
      'or this would pass whatever happened',
    );
  });
});

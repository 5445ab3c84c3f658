import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { type HttpProcess, statusesOf } from './http-process.ts';
import { type Watched, watchedServer } from './watched-server.ts';

let watched: Watched;
let folder: MaosFolder;
let server: HttpProcess;
let token: string;
let authorization: string;
before(async () => {
  watched = await watchedServer();
  ({ folder, server, token, authorization } = watched);
});
after(() => watched.remove());

/** The bytes of a request with the token; the caller sets the other headers. */
function head(first: string, ...lines: readonly string[]): string {
  return `${[first, 'Host: localhost', authorization, ...lines].join('\r\n')}\r\n\r\n`;
}

describe('bytes that are no plain request', () => {
  const smuggled = `GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  for (const [label, bytes] of [
    [
      'Content-Length beside Transfer-Encoding',
      () =>
        `${head('POST /acp/runs HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
    ],
    [
      'two lengths',
      () => `${head('POST /acp/runs HTTP/1.1', 'Content-Length: 0', 'Content-Length: 45')}${smuggled}`,
    ],
    ['a length with a sign', () => `${head('POST /acp/runs HTTP/1.1', 'Content-Length: +0')}${smuggled}`],
    [
      'an encoding nobody knows',
      () => `${head('POST /acp/runs HTTP/1.1', 'Transfer-Encoding: xchunked')}0\r\n\r\n${smuggled}`,
    ],
    [
      'chunked, and then not',
      () => `${head('POST /acp/runs HTTP/1.1', 'Transfer-Encoding: chunked, identity')}0\r\n\r\n${smuggled}`,
    ],
    ['bare line feeds', () => `GET /health HTTP/1.1\nHost: localhost\n\n${smuggled}`],
    ['a blank before the colon', () => `GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n${smuggled}`],
    ['a folded header', () => `GET /health HTTP/1.1\r\nHost: evil.example\r\n localhost\r\n\r\n${smuggled}`],
    ['NUL in a header', () => `GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n${smuggled}`],
    ['HTTP/0.9', () => 'GET /health\r\n\r\n'],
    ['HTTP/1.0 without a host', () => 'GET /health HTTP/1.0\r\n\r\n'],
    ['HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no method', () => `FOO /health HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`],
    ['a backslash in the path', () => head('GET /health\\..\\acp HTTP/1.1', 'Connection: close')],
    ['the target *', () => head('OPTIONS * HTTP/1.1', 'Connection: close')],
  ] as const) {
    it(`get one 400: ${label}`, async () => {
      assert.deepEqual(statusesOf(await server.wire(bytes())), { 400: 1 });
    });
  }

  it('are closed where they ask for a tunnel, and nothing is upgraded or echoed', async () => {
    assert.equal((await server.wire(head('CONNECT evil.example:443 HTTP/1.1'))).status, 0);
    for (const protocol of ['websocket', 'h2c']) {
      const lines = [
        'Connection: Upgrade, close',
        `Upgrade: ${protocol}`,
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ];
      assert.equal((await server.wire(head('GET /acp/ping HTTP/1.1', ...lines))).status, 200, protocol);
    }
    const traced = await server.ask('/acp/ping', [authorization, 'X-Mark: echo-me'], 'TRACE');
    assert.equal(traced.status, 404);
    assert.ok(!traced.text.includes('echo-me') && !traced.text.includes(token));
    assert.equal((await server.wire('GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n')).status, 200);
  });

  it('are bounded: headers, bodies with and without a length, connections', async () => {
    assert.equal((await server.ask('/health', [`X: ${'a'.repeat(17_000)}`])).status, 431);
    assert.equal((await server.ask(`/${'a'.repeat(17_000)}`)).status, 431);
    const tooLarge = 4 * 1024 * 1024 + 1;
    const declared = head('POST /acp/runs HTTP/1.1', `Content-Length: ${tooLarge}`, 'Connection: close');
    assert.equal((await server.wire(declared)).status, 413);
    const chunked = head('POST /acp/runs HTTP/1.1', 'Transfer-Encoding: chunked', 'Connection: close');
    const chunk = `100000\r\n${'a'.repeat(0x100000)}\r\n`;
    assert.equal((await server.wire(`${chunked}${chunk.repeat(5)}0\r\n\r\n`)).status, 413);

    const sockets: Socket[] = [];
    let left = 0;
    const isRefused = new Promise<void>((resolve) => {
      for (let count = 0; count < 600; count++) {
        const socket = connect(server.port, '127.0.0.1').resume();
        socket.on('error', () => {});
        socket.once('close', () => {
          left += 1;
          if (left === 600 - 512) resolve();
        });
        sockets.push(socket);
      }
    });
    await isRefused;
    for (const socket of sockets) socket.destroy();
    for (;;) {
      const { status } = await server.ask('/acp/ping', [authorization]);
      if (status === 200) break;
      assert.equal(status, 0);
    }
  });
});

describe('what comes with the token', () => {
  it('cannot leave the folders of MAOS by an id', async () => {
    const ups = [
      '..',
      '%2e%2e',
      '..%2f..%2fhttp-token',
      '..%2F..%2F..%2Fetc%2Fpasswd',
      '%00',
      '%ff%fe',
      '%zz',
      'x'.repeat(5_000),
    ];
    for (const up of ups) {
      for (const path of [
        `/acp/agents/${up}`,
        `/acp/runs/${up}`,
        `/acp/runs/${up}/events`,
        `/acp/runs/${up}/messages/0`,
        `/acp/sessions/${up}`,
        `/acp/session/${up}`,
        `/acp/messages/${up}`,
        `/acp/messages?session_id=${up}`,
        `/events?session=${up}`,
        `/${up}/${up}`,
      ]) {
        const { status, text } = await server.ask(path, [authorization]);
        assert.ok([400, 404, 422].includes(status) || isListing(path, status), `${path}: ${status}`);
        assert.ok(!text.includes(token) && !text.includes('root:') && !text.includes(folder.home), text);
      }
    }
    const place = { url: `http://127.0.0.1:${server.port}`, token };
    const headers = await openSession(place);
    for (const [index, uri] of [
      'maos://sessions/../../http-token',
      'maos://sessions/..%2f..%2fhttp-token',
      'maos://../http-token',
      `file://${folder.home}/http-token`,
      `maos://sessions/latest/files/..%2f..%2f..%2f..%2fhttp-token`,
    ].entries()) {
      const text = await (
        await send(place, 'POST', { headers, body: request(index, 'resources/read', { uri }) })
      ).text();
      assert.match(text, /"error":/, uri);
      assert.ok(!text.includes(token), uri);
    }
  });

  /** `/acp/agents/..` is `/acp/`, and so on, because URLs are resolved first. */
  function isListing(path: string, status: number): boolean {
    return status === 200 && /\/(\.\.|%2e%2e)(\/|$)/.test(path);
  }

  it('makes MAOS fetch nothing', async (t) => {
    const asked: string[] = [];
    const bait = createServer((incoming, response) => {
      asked.push(incoming.url ?? '');
      response.end('bait');
    }).listen(0, '127.0.0.1');
    t.after(() => bait.close());
    await new Promise((resolve) => bait.once('listening', resolve));
    const url = `http://127.0.0.1:${(bait.address() as AddressInfo).port}`;
    const id = '00000000-0000-4000-8000-000000000001';
    const run = (more: object, part: object = { content: 'Say hello.' }) =>
      server.ask(
        '/acp/runs',
        [authorization, 'Content-Type: application/json'],
        'POST',
        JSON.stringify({
          agent_name: 'backend-engineer',
          input: [{ role: 'user', parts: [{ content_type: 'text/plain', ...part }] }],
          ...more,
        }),
      );
    const strange = [
      await run({ session: { id, history: [`${url}/history`] } }),
      await run({ session: { id, history: [`${url}/runs/${id}/messages/0`] } }),
      await run({ session: { id, history: [], state: `${url}/state` } }),
      await run({}, { content_url: `${url}/content` }),
      await run({}, { content_url: `file://${folder.home}/http-token` }),
    ];
    assert.deepEqual(
      strange.slice(0, 2).map(({ status }) => status),
      [422, 422],
    );
    for (const { status, text } of strange)
      assert.ok(status < 500 && !text.includes('bait') && !text.includes(token), text);
    assert.deepEqual(asked, []);
  });

  /** Calls a tool over the older transport, and returns its result. */
  async function overSse(name: string, given: object): Promise<string> {
    const opened = await fetch(`http://127.0.0.1:${server.port}/sse`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const chunks = (opened.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = '';
    const until = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const [, found] = pattern.exec(text) ?? [];
        if (found !== undefined) return found;
        const { value } = await chunks.read();
        text += decoder.decode(value ?? assert.fail(text), { stream: true });
      }
    };
    const endpoint = await until(/data: (\/messages\S+)\n/);
    const post = (message: object) =>
      fetch(`http://127.0.0.1:${server.port}${endpoint}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      });
    const clientInfo = { name: 'old', version: '1' };
    await post({
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo },
    });
    await until(/(data: .*"id":1[,}].*\n)/);
    await post({ method: 'notifications/initialized' });
    await post({ id: 2, method: 'tools/call', params: { name, arguments: given } });
    const answer = await until(/(data: .*"id":2[,}].*\n)/);
    await chunks.cancel();
    return answer;
  }

  async function overMcp(name: string, given: object): Promise<string> {
    const place = { url: `http://127.0.0.1:${server.port}`, token };
    const headers = await openSession(place);
    return (
      await send(place, 'POST', { headers, body: request(1, 'tools/call', { name, arguments: given }) })
    ).text();
  }

  it('runs no command that the user has not allowed', async () => {
    const mark = join(folder.project, 'was-here');
    const team = (command: unknown, more: object = {}) => ({
      objective: 'Break out.',
      agents: [{ role: 'qa', task: 'Break out.', command, ...more }],
    });
    for (const call of [overMcp, overSse]) {
      for (const command of [
        ['touch', mark],
        `touch ${mark}`,
        `echo allowed; touch ${mark}`,
        `echo allowed\ntouch ${mark}`,
        ['sh', '-c', `echo allowed; touch ${mark}`],
      ]) {
        assert.match(await call('orchestrate', team(command)), /FORBIDDEN/);
        assert.match(await call('orchestrate', team(command, { backend: 'command' })), /FORBIDDEN/);
      }
      const check = `touch ${mark}`;
      for (const plan of [
        team('echo allowed', { verify: check }),
        team('echo allowed', { verify: ['echo allowed', check] }),
        team('echo allowed', { verify: { command: check } }),
        team('echo allowed', { worktree: { setup: check } }),
        { ...team('echo allowed'), verify: check },
        { ...team('echo allowed', { verify: 'echo allowed' }), verify: { commands: [check] } },
      ]) {
        assert.match(await call('orchestrate', plan), /FORBIDDEN/);
      }
      assert.match(await call('orchestrate', team('echo allowed')), /"session_id"/);
    }
    const agent = { agent_name: 'qa', command: ['touch', mark], backend: 'command', verify: `touch ${mark}` };
    const input = [{ role: 'user', parts: [{ content: 'Break out.', content_type: 'text/plain' }] }];
    const over = await server.ask(
      '/acp/runs',
      [authorization],
      'POST',
      JSON.stringify({ ...agent, input, metadata: agent }),
    );
    assert.ok(over.status < 500, over.text);
    assert.deepEqual(
      readdirSync(folder.project).filter((name) => name === 'was-here'),
      [],
    );
  });

  it('leaves the token nowhere', async () => {
    const { status, text } = await server.ask(
      '/acp/runs',
      [authorization],
      'POST',
      JSON.stringify({
        agent_name: 'backend-engineer',
        input: [{ role: 'user', parts: [{ content: 'Look.', content_type: 'text/plain' }] }],
      }),
    );
    assert.equal(status, 200, text);
    await overMcp('list-sessions', {});
    // Invalid requests, whose errors could contain the authorization header.
    await server.wire(
      `${head('POST /mcp HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 1')}{`,
      () => true,
    );
    const broken = connect(server.port, '127.0.0.1').resume();
    broken.end(`${head('POST /acp/runs HTTP/1.1', 'Content-Length: 10')}{`);
    await new Promise((resolve) => broken.once('close', resolve));
    const shown = [await folder.run('events', 'latest', '--json'), await folder.run('instances', '--json')];
    for (const { stdout, stderr } of shown) assert.ok(!`${stdout}${stderr}`.includes(token));
    const listed = await server.ask('/metrics', [authorization]);
    assert.ok(!listed.text.includes(token));

    assert.deepEqual(await server.end(), [0, null]);
    assert.ok(!server.stderr.includes(token));
    const files = readdirSync(folder.home, { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder.home, name),
    );
    const regular = files.filter((path) => statSync(path).isFile());
    const recorded = regular.filter((path) => path.endsWith('/environment') || path.endsWith('/arguments'));
    assert.ok(recorded.length >= 2, 'an agent ran');
    const logs = regular.filter((path) => path.includes('/logs/')).map((path) => readFileSync(path, 'utf8'));
    assert.ok(
      logs.some((log) => log.includes('"mcp message"')),
      'the level is trace',
    );
    const holders = regular.filter((path) => readFileSync(path).includes(token));
    assert.deepEqual(holders, [join(folder.home, 'http-token')]);
  });
});

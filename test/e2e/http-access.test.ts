import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { type Answer, type HttpProcess, statusesOf } from './http-process.ts';
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

/** Without the token, a response may only reveal that MAOS is running, and how its user finds the token. */
function assertTellsNothing({ text }: Answer, label: string): void {
  for (const secret of [folder.home, folder.project, token, 'project', 'session', 'stack', 'at ']) {
    const told = text.replace('the header', '');
    assert.ok(!told.includes(secret), `${label} tells ${secret}: ${text}`);
  }
}

const routes: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/'],
  ['POST', '/mcp'],
  ['GET', '/mcp'],
  ['DELETE', '/mcp'],
  ['GET', '/sse'],
  ['POST', '/messages?sessionId=x'],
  ['GET', '/events'],
  ['GET', '/metrics'],
  ['GET', '/openapi.json'],
  ['GET', '/acp/ping'],
  ['GET', '/acp/agents'],
  ['GET', '/acp/agents/backend-engineer'],
  ['POST', '/acp/runs'],
  ['GET', '/acp/runs/00000000-0000-4000-8000-000000000000'],
  ['GET', '/acp/sessions/00000000-0000-4000-8000-000000000000'],
  ['GET', '/acp/messages'],
  ['POST', '/acp/messages/lease'],
  ['POST', '/api/sign-in-links'],
  ['POST', '/api/sign-out'],
  ['GET', '/nothing'],
];

describe('whoever has no token', () => {
  it('gets 401 at every route, and learns nothing', async () => {
    for (const [method, path] of routes) {
      const answer = await server.ask(path, [], method, method === 'POST' ? '{' : undefined);
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="maos"');
      assertTellsNothing(answer, `${method} ${path}`);
    }
  });

  it('finds no way around it', async () => {
    const basic = Buffer.from(`maos:${token}`).toString('base64');
    for (const lines of [
      [`Authorization: Basic ${basic}`],
      [`Authorization: ${token}`],
      [`Authorization: Bearer ${token.slice(0, -1)}`],
      [`Authorization: Bearer ${token}, Bearer ${token}`],
      ['Authorization: Bearer wrong', authorization],
      [authorization, 'Authorization: Bearer wrong'],
      [`Proxy-Authorization: Bearer ${token}`],
      [`Cookie: token=${token}`],
      [`X-Authorization: Bearer ${token}`],
    ]) {
      assert.equal((await server.ask('/acp/ping', lines)).status, 401, lines.join(' + '));
    }
    for (const path of [
      `/acp/ping?token=${token}&access_token=${token}`,
      '/health/../acp/ping',
      '/health/%2e%2e/acp/ping',
      '/health%2f..%2facp%2fping',
      '/acp/ping?/health',
      '/acp/ping#/health',
      '/acp/ping;/health',
      '//health',
      '/health/',
      '/HEALTH',
      '/health%00',
      'http://localhost/acp/ping?/health',
    ]) {
      assert.equal((await server.ask(path)).status, 401, path);
    }
    assert.equal((await server.ask('/acp/ping', [`authorization: bearer ${token}`])).status, 200);
  });

  it('cannot use up what those with it may ask', async () => {
    const flood = (line: string, count: number) =>
      server.wire(
        `${`GET /acp/ping HTTP/1.1\r\nHost: localhost${line}\r\n\r\n`.repeat(count - 1)}GET /acp/ping HTTP/1.1\r\nHost: localhost${line}\r\nConnection: close\r\n\r\n`,
      );
    const strangers = await flood('', 1_000);
    const refused = statusesOf(strangers);
    assert.deepEqual(Object.keys(refused), ['401', '429']);
    assert.match(strangers.text, /^retry-after: [1-9][0-9]*\r$/im);
    assert.equal((await server.ask('/acp/ping', [authorization])).status, 200);

    const known = await flood(`\r\n${authorization}`, 3_000);
    assert.deepEqual(Object.keys(statusesOf(known)), ['200', '429']);
    // Until the rate limit's bucket is full again.
    while ((await server.ask('/acp/ping', [authorization])).status !== 200);
    while ((await server.ask('/health')).status !== 200);
  });
});

describe('pages in a browser', () => {
  it('cannot come in by a name of their own that leads here', async () => {
    for (const [lines, status] of [
      [['Host: evil.example'], 403],
      [['Host: evil.example:80', 'X-Forwarded-Host: localhost', 'Forwarded: host=localhost'], 403],
      [['Host: 127.0.0.1.evil.example'], 403],
      [['Host: localhost.evil.example'], 403],
      [['Host: localhost.'], 403],
      [['Host: 192.0.2.1'], 403],
      [['Host: 0.0.0.0'], 403],
      [['Host: 127.1'], 403],
      [['Host: 2130706433'], 403],
      [['Host: [::2]'], 403],
      [['Host: localhost', 'Host: evil.example'], 403],
      [['Host: evil.example', 'Host: localhost'], 403],
      // An invalid host is rejected before the guard.
      [['Host: evil.example@localhost'], 400],
      [['Host: localhost@evil.example'], 400],
      [['Host: localhost, evil.example'], 400],
      [['Host: localhost:99999'], 400],
      [['Host:'], 400],
      [['Host: LOCALHOST:80'], 200],
      [['Host: localhost'], 200],
      [['Host: [::1]:9', 'X-Forwarded-Host: evil.example'], 200],
    ] as const) {
      const answer = await server.ask('/health', lines);
      assert.equal(answer.status, status, lines.join(' + '));
      assertTellsNothing(answer, lines.join(' + '));
      const known = await server.ask('/acp/ping', [...lines, authorization]);
      assert.equal(known.status, status, `with the token: ${lines.join(' + ')}`);
    }
    assert.equal((await server.wire('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n')).status, 400);
    for (const target of ['http://evil.example/health', 'http://evil.example:80/health']) {
      assert.equal((await server.ask(target, ['Host: localhost'])).status, 403, target);
    }
    assert.equal((await server.ask('http://localhost/health', ['Host: evil.example'])).status, 403);
    assert.equal((await server.ask('http://localhost/health', ['Host: localhost'])).status, 200);
  });

  it('of other origins are refused, and never told that they may', async () => {
    const own = `http://127.0.0.1:${server.port}`;
    for (const [lines, status] of [
      [['Origin: http://evil.example'], 403],
      [['Origin: null'], 403],
      [['Origin: '], 403],
      [['Origin: file://'], 403],
      [['Origin: https://localhost.evil.example'], 403],
      [['Origin: http://localhost:80@evil.example'], 403],
      [['Origin: http://localhost', 'Origin: http://evil.example'], 403],
      [['Origin: chrome-extension://localhost'], 403],
      [['Sec-Fetch-Site: cross-site'], 403],
      [['Sec-Fetch-Site: same-origin'], 200],
      [['Sec-Fetch-Site: none'], 200],
      [['Sec-Fetch-Site: same-site'], 403],
      [['Sec-Fetch-Site: Same-Site'], 403],
      [['Sec-Fetch-Site: '], 403],
      [[`Origin: ${own}`], 200],
      [[`Origin: ${own.replace('127.0.0.1', 'localhost')}`], 200],
      [[`Origin: ${own}`, 'Sec-Fetch-Site: same-origin'], 200],
      // A page of another program on this machine, with another port.
      [['Origin: http://localhost:3000'], 403],
      [['Origin: http://127.0.0.1:3000', 'Sec-Fetch-Site: same-site'], 403],
      [[`Origin: http://localhost:${server.port}0`], 403],
      [['Origin: https://localhost'], 403],
      [['Origin: http://localhost:'], 403],
      // As from a tunnel or a proxy that keeps the host name.
      [['Host: localhost:8080', 'Origin: http://localhost:8080'], 200],
      [['Host: localhost', 'Origin: http://localhost'], 200],
      [['Host: localhost:8080', 'Origin: http://localhost:8081'], 403],
    ] as const) {
      for (const [path, more] of [
        ['/health', []],
        ['/acp/ping', [authorization]],
      ] as const) {
        const answer = await server.ask(path, [...lines, ...more]);
        assert.equal(answer.status, status, `${path}: ${lines.join(' + ')}`);
        assert.doesNotMatch(answer.text, /access-control/i);
      }
    }
    for (const [origin, status] of [
      ['http://evil.example', 403],
      ['http://localhost:3000', 403],
      [`http://localhost:${server.port}`, 401],
    ] as const) {
      const asks = ['Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: authorization'];
      const answer = await server.ask('/acp/runs', [`Origin: ${origin}`, ...asks], 'OPTIONS');
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.text, /access-control/i);
    }
  });
});

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type GuardedServer, guardedServer } from './guarded-server.ts';

let server: GuardedServer;
let ask: GuardedServer['ask'];
let bearer: { readonly authorization: string };
before(async () => {
  server = await guardedServer();
  ask = server.ask;
  bearer = { authorization: `Bearer ${server.token}` };
});
after(() => server.close());

/** The path of a new link. */
async function link(body: object = {}, headers: Record<string, string> = {}): Promise<string> {
  const { status, text } = await ask(
    '/api/sign-in-links',
    { ...bearer, ...headers },
    'POST',
    JSON.stringify(body),
  );
  assert.equal(status, 201, text);
  const { url, expires_at } = JSON.parse(text) as { url: string; expires_at: string };
  const waits = Date.parse(expires_at) - Date.now();
  assert.ok(waits > 50_000 && waits <= 60_000, expires_at);
  const { pathname, search } = new URL(url);
  assert.match(search, /^\?code=[A-Za-z0-9_-]{43}$/);
  return `${pathname}${search}`;
}

/** The cookie of a browser that has signed in: name and value. */
async function cookie(): Promise<string> {
  const { headers } = await ask(await link());
  return headers['set-cookie']?.[0]?.split(';')[0] ?? assert.fail('no cookie');
}

const own = (): string => `http://127.0.0.1:${server.port}`;
const json = { 'content-type': 'application/json' };

describe('signing in', () => {
  it('turns a link into a cookie that scripts cannot read, and goes on to an address without the code', async () => {
    const { status, headers, text } = await ask(await link());
    assert.deepEqual([status, headers.location, text], [303, '/', '']);
    assert.match(
      String(headers['set-cookie']),
      /^maos_[0-9a-f]{8}=[A-Za-z0-9_-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=604800$/,
    );
    assert.deepEqual([headers['referrer-policy'], headers['cache-control']], ['no-referrer', 'no-store']);
    const session_id = `sess_${'0'.repeat(26)}`;
    assert.equal((await ask(await link({ session_id }))).headers.location, `/#/sessions/${session_id}`);
  });

  it('works once, and says what to do after that', async () => {
    const path = await link();
    assert.equal((await ask(path)).status, 303);
    for (const used of [path, '/sign-in', '/sign-in?code=', `/sign-in?code=${'x'.repeat(43)}`]) {
      const { status, headers, text } = await ask(used);
      assert.equal(status, 401, used);
      assert.match(text, /maos open/);
      assert.match(String(headers['content-type']), /^text\/html/);
      assert.equal(headers['set-cookie'], undefined);
      assert.doesNotMatch(text, /<script|src=|href=/);
      assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
    }
  });

  it('is not done by whatever looks at a link before its reader does', async () => {
    const path = await link();
    assert.equal((await ask(path, {}, 'HEAD')).status, 204);
    for (const [name, value] of [
      ['sec-purpose', 'prefetch'],
      ['sec-purpose', 'prefetch;prerender'],
      ['purpose', 'prefetch'],
      ['x-moz', 'prefetch'],
    ] as const) {
      const { status, headers } = await ask(path, { [name]: value });
      assert.deepEqual([status, headers['set-cookie']], [503, undefined]);
    }
    assert.equal((await ask(path, { 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await ask(path, { host: 'evil.example' })).status, 403);
    assert.equal((await ask(path, { 'sec-fetch-site': 'none' })).status, 303);
  });

  it('needs a link that only the token gives', async () => {
    const given = await cookie();
    for (const headers of [
      {},
      { cookie: given, origin: own() },
      { authorization: 'Bearer x', cookie: given },
    ])
      assert.equal((await ask('/api/sign-in-links', { ...headers, ...json }, 'POST', '{}')).status, 401);
    for (const body of ['', '[]', '{"session_id":"latest"}', '{"session_id":"../x"}', '{"more":1}']) {
      const { status } = await ask('/api/sign-in-links', bearer, 'POST', body);
      assert.equal(status, 400, body);
    }
  });

  it('sets a cookie for https alone where a proxy says that the browser uses it', async () => {
    const isSecure = async (headers: Record<string, string>): Promise<boolean> => {
      const answer = await ask(await link({}, headers), headers);
      return /; Secure$/.test(String(answer.headers['set-cookie']));
    };
    assert.equal(await isSecure({ host: 'maos.example', 'x-forwarded-proto': 'https' }), true);
    assert.equal(await isSecure({ host: 'maos.example' }), false);
    assert.equal(await isSecure({ host: 'localhost', 'x-forwarded-proto': 'https' }), false);
    const { text } = await ask(
      '/api/sign-in-links',
      { ...bearer, host: 'maos.example', 'x-forwarded-proto': 'https' },
      'POST',
      '{}',
    );
    assert.match(JSON.parse(text).url, /^https:\/\/maos\.example\/sign-in\?code=/);
  });
});

describe('a browser that is not signed in', () => {
  it('is told how, and sees nothing', async () => {
    const { status, headers, text } = await ask('/', { accept: 'text/html,*/*;q=0.8' });
    assert.equal(status, 401);
    assert.match(text, /Run <code>maos open<\/code>/);
    assert.doesNotMatch(text, /<script|src=|href=|1\.2\.3/);
    assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal((await ask('/', { accept: '*/*' })).headers['content-type'], 'application/json');
  });
});

describe('a browser that follows a link on another page', () => {
  it('is told to enter the address itself, and the link stays good', async () => {
    const path = await link();
    for (const opened of [path, '/']) {
      const { status, headers, text } = await ask(opened, {
        'sec-fetch-site': 'cross-site',
        accept: 'text/html',
      });
      assert.equal(status, 403);
      assert.match(text, /press Enter/);
      assert.doesNotMatch(text, /<script|src=|href=|code=/);
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/);
    }
    assert.equal((await ask(path, { 'sec-fetch-site': 'none', accept: 'text/html' })).status, 303);
  });
});

describe('the cookie', () => {
  it('opens the page and what it asks, and nothing that programs use', async () => {
    const headers = { cookie: await cookie() };
    for (const [path, status] of [
      ['/', 200],
      ['/api/nothing', 404],
      ['/assets/nothing', 404],
      ['/mcp', 401],
      ['/sse', 401],
      ['/messages', 401],
      ['/acp/ping', 401],
      ['/metrics', 401],
      ['/openapi.json', 401],
      ['/nothing', 401],
      ['/API/nothing', 401],
      ['/api', 401],
      ['/events/', 401],
      ['/api/../mcp', 401],
      ['/api/%2e%2e/mcp', 401],
      ['/api\\..\\mcp', 400],
      ['//api/nothing', 401],
      ['/%61pi/sign-in-links', 401],
      ['/api/sign-in-links?x', 401],
    ] as const) {
      const answer = await ask(path, headers);
      assert.equal(answer.status, status, path);
    }
    for (const path of ['/', '/api/nothing']) {
      const answer = (await ask(path, headers)).headers;
      assert.deepEqual(
        [answer['cache-control'], answer['x-content-type-options'], answer['cross-origin-resource-policy']],
        ['no-store', 'nosniff', 'same-origin'],
        path,
      );
      assert.match(String(answer['content-security-policy']), /^default-src 'none';.*frame-ancestors 'none'/);
    }
  });

  it('changes nothing unless this page asks', async () => {
    const given = { cookie: await cookie() };
    const other = `http://127.0.0.1:${server.port - 1}`;
    const post = async (headers: Record<string, string>): Promise<number> =>
      (await ask('/api/nothing', { ...given, ...headers }, 'POST', '{}')).status;
    assert.equal(await post({ origin: own(), ...json }), 404);
    assert.equal(await post({ origin: own(), 'content-type': 'Application/JSON; charset=utf-8' }), 404);
    for (const headers of [
      json,
      { origin: other, ...json },
      { origin: other, 'sec-fetch-site': 'same-site', ...json },
      { origin: 'null', ...json },
      { origin: 'http://evil.example', ...json },
      { origin: `http://localhost:${server.port}`, ...json },
      { origin: own(), 'sec-fetch-site': 'same-site', ...json },
      { origin: own(), 'sec-fetch-site': 'cross-site', ...json },
      { 'sec-fetch-site': 'same-origin', ...json },
      // Through a tunnel, whose other end has a program on the port that this server has here.
      { host: 'localhost:8080', origin: `http://localhost:${server.port}`, ...json },
    ]) {
      assert.equal(await post(headers), 403, JSON.stringify(headers));
    }
    for (const type of ['', 'text/plain', 'application/jsonp', 'multipart/form-data; x=application/json']) {
      assert.equal(await post({ origin: own(), 'content-type': type }), 415, type);
    }
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      assert.equal((await ask('/api/nothing', { ...given, ...json }, method)).status, 403, method);
    }
    assert.equal(await post({ host: 'localhost:8080', origin: 'http://localhost:8080', ...json }), 404);
    assert.equal(await post({ host: 'maos.example', origin: 'https://maos.example', ...json }), 404);
  });

  it('shows nothing to pages of other ports', async () => {
    const given = { cookie: await cookie() };
    for (const path of ['/', '/api/nothing', '/events', '/assets/nothing']) {
      assert.equal((await ask(path, { ...given, 'sec-fetch-site': 'same-site' })).status, 403, path);
      assert.equal((await ask(path, { ...given, origin: 'http://127.0.0.1:1' })).status, 403, path);
      assert.equal((await ask(path, { ...given, host: 'rebound.example' })).status, 403, path);
    }
  });

  it('counts for nothing beside a token, right or wrong', async () => {
    const given = { cookie: await cookie() };
    assert.equal((await ask('/acp/ping', { ...given, ...bearer })).status, 200);
    assert.equal((await ask('/', { ...given, authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await ask('/', { ...given, authorization: '' })).status, 401);
    assert.equal((await ask('/', { cookie: 'maos_00000000=x', ...bearer })).status, 200);
  });

  it('is found among others, also of its name, and others are not taken for it', async () => {
    const given = await cookie();
    const [name = '', value = ''] = given.split('=');
    for (const [header, status] of [
      [`a=b; ${given}; c=d`, 200],
      [`maos_00000000=${value}; ${given}`, 200],
      [`${name}=; ${name}=evil; ${given}`, 200],
      [`maos_00000000=${value}`, 401],
      [`x${given}`, 401],
      [`${name} =${value}`, 401],
      [`${name}="${value}"`, 401],
      [`${given}x`, 401],
      [name, 401],
      [`${name}=../http-token`, 401],
      [`${`${name}=x; `.repeat(100)}${given}`, 401],
    ] as const) {
      assert.equal((await ask('/', { cookie: header })).status, status, header);
    }
  });

  it('ends at sign-out, in every tab', async () => {
    const given = { cookie: await cookie(), origin: own(), ...json };
    const other = await cookie();
    assert.equal((await ask('/api/sign-out', { cookie: given.cookie }, 'POST')).status, 403);
    assert.equal((await ask('/', given)).status, 200);
    const { status, headers } = await ask('/api/sign-out', given, 'POST');
    assert.equal(status, 204);
    assert.match(String(headers['set-cookie']), /^maos_[0-9a-f]{8}=; HttpOnly; .*Max-Age=0$/);
    assert.equal((await ask('/', given)).status, 401);
    assert.equal((await ask('/api/sign-out', given, 'POST')).status, 401);
    assert.equal((await ask('/', { cookie: other })).status, 200);
    assert.ok(readdirSync(join(server.home, 'sign-ins')).length > 0);
  });
});

describe('another user of this machine', () => {
  it('can use neither a link nor a cookie, nor use a link up', async (t) => {
    let isOther = true;
    const shared = await guardedServer({ isOtherUsers: () => isOther });
    t.after(() => shared.close());
    const authorization = `Bearer ${shared.token}`;
    const { text } = await shared.ask('/api/sign-in-links', { authorization }, 'POST', '{}');
    const { pathname, search } = new URL(JSON.parse(text).url);
    const refused = await shared.ask(`${pathname}${search}`);
    assert.deepEqual([refused.status, refused.headers['set-cookie']], [403, undefined]);
    isOther = false;
    const { headers } = await shared.ask(`${pathname}${search}`);
    const given = { cookie: String(headers['set-cookie']).split(';')[0] ?? '' };
    assert.equal((await shared.ask('/api/nothing', given)).status, 404);
    isOther = true;
    assert.equal((await shared.ask('/api/nothing', given)).status, 403);
    assert.equal((await shared.ask('/acp/ping', { authorization })).status, 200);
  });
});

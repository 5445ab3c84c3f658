import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { makeSignIns } from '../../../../src/infrastructure/files/home/sign-ins.ts';
import { SignInCookie } from '../../../../src/presentation/http/sign-in/sign-in-cookie.ts';
import { fc } from '../../../helpers/properties.ts';
import { seed } from '../../../helpers/seed.ts';
import { giveTimeTo } from '../../../helpers/waiting.ts';
import { type Answer, type GuardedServer, guardedServer } from './guarded-server.ts';

let server: GuardedServer;
/** Cookie headers by what they are. */
let cookies: Readonly<Record<string, string>>;
before(async () => {
  server = await guardedServer();
  const { name } = new SignInCookie(server.home);
  const signIns = makeSignIns(server.home);
  const [valid, ended] = [await signIns.begin(), await signIns.begin()];
  signIns.end(ended);
  cookies = {
    valid: `${name}=${valid}`,
    'valid, among others': `${name}=x; a=b; ${name}=${valid}; c`,
    ended: `${name}=${ended}`,
    'of another name': `maos_00000000=${valid}`,
    'the token': `${name}=${server.token}`,
    'no secret': `${name}=../http-token`,
  };
});
after(() => server.close());

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;
/** No endpoint is there, so whatever gets past the guard is answered with 404; what is there is marked. */
const paths = {
  pages: ['/assets/none', '/api/none', '/api/sign-in-link', '/api/x/../none', '/api/%6eone'],
  programs: ['/mcp/none', '/acp/none', '/none', '/api', '/assets', '/events/', '/API/none', '//api/none'],
  more: ['/api/sign-in-links/../../none', '/assets/../none', '/api/..%2fnone/../../none'],
};
const isForPages = (path: string): boolean => paths.pages.includes(path);

const attempts = fc.record({
  method: fc.constantFrom(...methods),
  path: fc.constantFrom(...paths.pages, ...paths.pages, ...paths.programs, ...paths.more),
  token: fc.constantFrom('none', 'none', 'right', 'wrong', 'empty', 'basic'),
  cookie: fc.constantFrom(
    'none',
    'valid',
    'valid',
    'valid, among others',
    ...['ended', 'of another name'],
    'the token',
    'no secret',
  ),
  host: fc.constantFrom('own', 'own', 'localhost', 'tunnel', 'proxy', 'foreign'),
  origin: fc.constantFrom(
    'none',
    'own',
    'own',
    'localhost',
    'tunnel',
    'proxy',
    'other port',
    'foreign',
    'null',
  ),
  site: fc.constantFrom('none sent', 'same-origin', 'none', 'same-site', 'cross-site', 'Same-Origin'),
  type: fc.constantFrom(
    'none',
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/jsonx',
  ),
});
type Attempt = typeof attempts extends fc.Arbitrary<infer T> ? T : never;

function headersOf({ token, cookie, host, origin, site, type }: Attempt): Record<string, string> {
  const { port } = server;
  const hosts: Record<string, string> = {
    ...{ own: `127.0.0.1:${port}`, localhost: `localhost:${port}`, tunnel: 'localhost:8080' },
    ...{ proxy: 'maos.example', foreign: 'evil.example' },
  };
  const origins: Record<string, string> = {
    ...{ own: `http://127.0.0.1:${port}`, localhost: `http://localhost:${port}`, null: 'null' },
    ...{ tunnel: 'http://localhost:8080', proxy: 'https://maos.example' },
    ...{ 'other port': `http://127.0.0.1:${port - 1}`, foreign: 'http://evil.example' },
  };
  const tokens: Record<string, string> = {
    ...{ right: `Bearer ${server.token}`, wrong: 'Bearer wrong', empty: '', basic: 'Basic eDp5' },
  };
  return {
    host: hosts[host] as string,
    ...(token === 'none' ? {} : { authorization: tokens[token] as string }),
    ...(cookie === 'none' ? {} : { cookie: cookies[cookie] as string }),
    ...(origin === 'none' ? {} : { origin: origins[origin] as string }),
    ...(site === 'none sent' ? {} : { 'sec-fetch-site': site }),
    ...(type === 'none' ? {} : { 'content-type': type }),
  };
}

/** What must be answered, from the rules as the documents state them. */
function wanted({ method, path, token, cookie, host, origin, site, type }: Attempt): number {
  const isSiteOwn = ['none sent', 'same-origin', 'none', 'Same-Origin'].includes(site);
  if (host === 'foreign') return 403;
  // Every request: of no page, or of a page of this server.
  const known = ['own', 'localhost', 'proxy', ...(host === 'tunnel' ? ['tunnel'] : [])];
  if (origin === 'none' ? !isSiteOwn : !known.includes(origin)) return 403;
  if (token !== 'none') return token === 'right' ? 404 : 401;
  if (!cookie.startsWith('valid') || !isForPages(path)) return 401;
  // With a cookie: of exactly this page.
  const isReading = method === 'GET' || method === 'HEAD';
  const isOriginOwn = origin === 'none' ? isReading : origin === host || origin === 'proxy';
  if (!isSiteOwn || !isOriginOwn) return 403;
  return isReading || /^application\/json(;|$)/.test(type) ? 404 : 415;
}

/** Retries while the server is at its limit of requests, which this test does not examine. */
async function answered(attempt: Attempt): Promise<Answer> {
  for (;;) {
    const answer = await server.ask(attempt.path, headersOf(attempt), attempt.method);
    if (answer.status !== 429) return answer;
    const seconds = Number(answer.headers['retry-after']);
    await giveTimeTo('let the server take requests again, as it said', seconds * 1_000);
  }
}

describe(`the guard (MAOS_SEED=${seed})`, () => {
  it('answers every mixture of token, cookie, origin, host, method and path as the documents say', async (t) => {
    const counts = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(attempts, async (attempt) => {
        const { status, headers, text } = await answered(attempt);
        counts.set(status, (counts.get(status) ?? 0) + 1);
        assert.equal(status, wanted(attempt), text);
        assert.ok(!text.includes(server.token) && headers['set-cookie'] === undefined);
        assert.equal(headers['access-control-allow-origin'], undefined);
      }),
      { seed, numRuns: 400 },
    );
    t.diagnostic(JSON.stringify(Object.fromEntries(counts)));
    assert.deepEqual([...counts.keys()].sort(), [401, 403, 404, 415]);
  });
});

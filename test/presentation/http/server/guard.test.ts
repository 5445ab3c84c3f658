import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { type HttpService, startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { hostOf } from '../../../../src/presentation/http/server/own-page.ts';
import { TokenBucket } from '../../../../src/presentation/http/server/token-bucket.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';

const token = 'right-token';
const runtime = { version: '1.2.3', home: '/nowhere', log: () => {} } as unknown as Runtime;
const deps = {
  runtime,
  identity: serverIdentity('1.2.3'),
  projectPath: '/',
  ending: new AbortController().signal,
};
let service: HttpService;

before(async () => {
  service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
});
after(() => service.close(1_000));

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Without fetch, which does not allow setting a Host header. */
function ask(path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request({ host: '127.0.0.1', port: service.port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const authorization = `Bearer ${token}`;

describe('the guard', () => {
  it('answers health to everybody on this machine, and nothing else without the token', async () => {
    assert.deepEqual(JSON.parse((await ask('/health')).text), { status: 'ok', version: '1.2.3' });
    for (const given of [undefined, 'Bearer wrong', 'Bearer ', `Basic ${token}`, token, `Bearer ${token}x`]) {
      const { status, headers, text } = await ask(
        '/nothing',
        given === undefined ? {} : { authorization: given },
      );
      assert.equal(status, 401, String(given));
      assert.equal(headers['www-authenticate'], 'Bearer realm="maos"');
      assert.match(text, /maos token/);
      assert.doesNotMatch(text, /right-token/);
    }
    assert.equal((await ask('/nothing', { authorization })).status, 404);
  });

  it('refuses hosts that are not its own, also with the token', async () => {
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost@evil']) {
      const { status } = await ask('/health', { host, authorization });
      // An invalid name does not reach the guard.
      assert.ok(status === 403 || status === 400, `${host}: ${status}`);
    }
    for (const host of [`localhost:${service.port}`, 'LOCALHOST', '[::1]:80', '127.0.0.1']) {
      assert.equal((await ask('/health', { host })).status, 200, host);
    }
  });

  it('refuses pages of other origins, also with the token', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'file://',
      'https://localhost.evil.example',
      'chrome-extension://x',
      'http://127.0.0.1:3000',
      `http://localhost:${service.port - 1}`,
    ]) {
      assert.equal((await ask('/health', { origin, authorization })).status, 403, origin);
    }
    for (const origin of [`http://localhost:${service.port}`, `http://127.0.0.1:${service.port}`]) {
      assert.equal((await ask('/health', { origin })).status, 200, origin);
    }
  });

  it('asks for the token at every request, and refuses everything while there is none', async () => {
    let now: string | null = 'first';
    const changing = await startHttp(deps, {
      host: '127.0.0.1',
      port: 0,
      token: async () => now ?? assert.fail('a secret reason'),
    });
    const statusWith = async (given: string): Promise<number> => {
      const headers = { authorization: `Bearer ${given}` };
      const answer = await fetch(`${changing.url}/nothing`, { headers });
      assert.doesNotMatch(await answer.text(), /secret/);
      return answer.status;
    };
    assert.equal(await statusWith('first'), 404);
    now = 'second';
    assert.deepEqual([await statusWith('first'), await statusWith('second')], [401, 404]);
    now = null;
    assert.equal(await statusWith('second'), 503);
    await changing.close(1_000);
  });

  it('refuses a body that is too large', async () => {
    const { status, text } = await ask('/nothing', { authorization }, 'x'.repeat(4 * 1024 * 1024 + 1));
    assert.deepEqual([status, JSON.parse(text).code], [413, 'RESOURCE_LIMIT_EXCEEDED']);
  });

  it('says that a port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await assert.rejects(startHttp(deps, { host: '127.0.0.1', port, token }), {
      code: 'INVALID_INPUT',
      message: `Port ${port} of 127.0.0.1 is in use: choose another one, or 0 for any free port.`,
    });
    other.close();
  });
});

describe('hostOf', () => {
  it('takes names, addresses and ports, and nothing else', () => {
    assert.equal(hostOf('LocalHost:80'), 'localhost');
    assert.equal(hostOf('[::1]:80'), '::1');
    for (const none of [undefined, '', 'a b', 'a/b', 'a:b', 'a:1:2', 'http://a'])
      assert.equal(hostOf(none), null);
  });
});

describe('a token bucket', () => {
  it('gives so many at once, then so many a second', () => {
    let now = 0;
    const bucket = new TokenBucket(2, () => now);
    assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [0, 0, 500]);
    now = 500;
    assert.deepEqual([bucket.take(), bucket.take()], [0, 500]);
    now = 60_000;
    assert.deepEqual([bucket.take(), bucket.take(), bucket.take()], [0, 0, 500]);
  });
});

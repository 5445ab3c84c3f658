import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Hono } from 'hono';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { MaosError } from '../../../../src/domain/errors.ts';
import { makeApp } from '../../../../src/presentation/http/server/app.ts';
import type { HttpEnv } from '../../../../src/presentation/http/server/endpoints.ts';
import { TokenBucket } from '../../../../src/presentation/http/server/token-bucket.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';

const host = 'http://localhost';
const authorization = 'Bearer right-token';

/** The app behind its guard, with a project that cannot be opened. @param logged receives all log entries */
function app(error: Error, logged: unknown[] = []): Hono<HttpEnv> {
  const openProject = async () => {
    throw error;
  };
  const log = (...what: unknown[]) => logged.push(what);
  const runtime = { version: '1.2.3', home: '/nowhere', log, openProject } as unknown as Runtime;
  const ending = new AbortController().signal;
  const rate = new TokenBucket(100, () => 0);
  return makeApp(
    { runtime, identity: serverIdentity('1.2.3'), projectPath: '/', ending },
    {
      ...{ hosts: new Set(['localhost']), byAddress: false, token: async () => 'right-token' },
      ...{ rate, strangerRate: rate, maxBodyBytes: 1_000, open: new Set() },
    },
  );
}

function ask(to: Hono<HttpEnv>, path: string, init: RequestInit = {}): Response | Promise<Response> {
  const headers = { host: 'localhost', authorization, 'content-type': 'application/json' };
  return to.request(`${host}${path}`, { ...init, headers });
}

describe('the app', () => {
  it('says that a busy store is busy, and when to come back', async () => {
    const response = await ask(app(new MaosError('STORE_BUSY', 'It is busy.')), '/metrics');
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    assert.deepEqual(await response.json(), { code: 'STORE_BUSY', message: 'It is busy.' });
  });

  it('tells its log of a defect, and the client only where to look', async () => {
    const logged: unknown[] = [];
    const response = await ask(app(new Error('secret'), logged), '/metrics');
    const { code, message } = (await response.json()) as { code: string; message: string };
    assert.deepEqual([response.status, code, logged.length], [500, 'INTERNAL', 1]);
    assert.doesNotMatch(message, /secret/);
  });

  it('takes a client that went away in the middle of its request for no defect', async () => {
    for (const path of ['/acp/runs', '/acp/messages', '/mcp', '/nothing']) {
      const logged: unknown[] = [];
      const cut = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      const body = new ReadableStream({ pull: (controller) => controller.error(cut) });
      const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
      const response = await ask(app(new Error('not asked'), logged), path, init);
      assert.deepEqual([response.status, await response.text(), logged], [400, '', []], path);
    }
  });

  it('takes only whole numbers for the place of a message', async () => {
    const run = '/acp/runs/00000000-0000-0000-0000-000000000000/messages';
    for (const index of ['%20', '0x0', '1e0', '-0', '01', '1.0']) {
      const response = await ask(app(new Error('not asked')), `${run}/${index}`);
      assert.equal(response.status, 422, index);
      assert.match(await response.text(), /index of a message: must be a whole number/);
    }
  });
});

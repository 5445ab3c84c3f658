import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { type HttpService, startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { getText } from '../event-client.ts';

const token = 'right-token';
const runtime = { version: '1.2.3', home: '/nowhere', log: () => {} } as unknown as Runtime;
let service: HttpService;

before(async () => {
  const ending = new AbortController().signal;
  const deps = { runtime, identity: serverIdentity('1.2.3'), projectPath: '/secret/project', ending };
  service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
});
after(() => service.close(1_000));

describe('the page', () => {
  it('tells what is here, and nothing of the project, where there is no dashboard', async () => {
    const place = { port: service.port, token };
    for (const accept of ['text/html,application/xhtml+xml,*/*;q=0.8', '*/*']) {
      const { status, headers, text } = await getText(place, '/', { accept });
      assert.deepEqual([status, headers['content-type']], [200, 'text/plain; charset=UTF-8']);
      assert.match(String(headers['content-security-policy']), /^default-src 'none';/);
      assert.deepEqual([headers['x-content-type-options'], headers.vary], ['nosniff', 'Accept, Cookie']);
      for (const said of [
        '/mcp',
        '/sse',
        '/acp',
        '/events',
        '/metrics',
        '/openapi.json',
        '/health',
        'Bearer',
      ]) {
        assert.ok(text.includes(said), said);
      }
      assert.doesNotMatch(text, /right-token|secret|nowhere|src=|href=|<script|<style|http:/);
    }
  });

  it('is for those with the token, like everything but /health; others hear how to get it', async () => {
    const { status, text } = await getText({ port: service.port, token: 'wrong' }, '/', {});
    assert.equal(status, 401);
    assert.match(text, /'maos token' prints the token/);
  });

  it('is for this server only', async () => {
    const { status } = await getText({ port: service.port, token }, '/', { origin: 'http://evil.example' });
    assert.equal(status, 403);
  });
});

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';

const token = 'right-token';
let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

const get = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`;

describe('the HTTP server', () => {
  it('closes once its streams have ended, without waiting for clients that would go on', async (t) => {
    const ending = new AbortController();
    const { runtime, root: projectPath } = bench;
    const deps = { runtime, identity: serverIdentity(runtime.version), projectPath, ending: ending.signal };
    const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
    const close = () => service.close(3_600_000);
    t.after(() => service.cut());
    const clients = Array.from({ length: 3 }, () => connect({ host: '127.0.0.1', port: service.port }));
    const heard = clients.map(text);
    // As long as an answer comes, each asks again: none would ever be idle for long.
    for (const client of clients) {
      client.on('data', (chunk: Buffer) => {
        if (/(^|\r\n)0\r\n\r\n$|"version":"[^"]*"}$/.test(String(chunk))) client.write(get('/health'));
      });
      client.on('error', () => {});
    }
    const begun = clients.map((client) => new Promise((resolve) => client.once('data', resolve)));
    for (const client of clients) client.write(get('/events'));
    await Promise.all(begun);
    const closed = close();
    ending.abort();
    await closed;
    for (const said of await Promise.all(heard)) {
      assert.match(said, /^HTTP\/1\.1 200 /);
      // Whole, and nothing after it.
      assert.match(said, /\r\n0\r\n\r\n$/);
    }
  });
});

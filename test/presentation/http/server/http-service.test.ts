import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import {
  type HttpOptions,
  type HttpService,
  requestTimeouts,
  startHttp,
} from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { planRequest } from '../../../infrastructure/sqlite/samples.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';
import { getText, listen } from '../event-client.ts';

const token = 'right-token';
let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

const get = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`;

/** Closes with the test. */
async function serve(
  t: TestContext,
  { ending = new AbortController(), ...more }: { ending?: AbortController } & Pick<HttpOptions, 'timeouts'>,
): Promise<HttpService> {
  const { runtime, root: projectPath } = bench;
  const deps = { runtime, identity: serverIdentity(runtime.version), projectPath, ending: ending.signal };
  const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token, ...more });
  t.after(() => {
    ending.abort();
    return service.close(0);
  });
  return service;
}

describe('the HTTP server', () => {
  it('closes once its streams have ended, without waiting for clients that would go on', async (t) => {
    const ending = new AbortController();
    const service = await serve(t, { ending });
    const close = () => service.close(3_600_000);
    const clients = Array.from({ length: 3 }, () => connect({ host: '127.0.0.1', port: service.port }));
    const heard = clients.map(text);
    // Each client sends its next request while a response arrives, so that none is idle for long.
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
      // The response is complete, and nothing follows it.
      assert.match(said, /\r\n0\r\n\r\n$/);
    }
  });
});

/** A connection that the server closes, and what it sent before. */
function cutOff(port: number, bytes: string): { readonly socket: Socket; readonly said: Promise<string> } {
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  // A server that cuts a connection need not read pending data.
  socket.on('error', () => {});
  return { socket, said: text(socket).catch(() => '') };
}

describe('requests that never end', { concurrency: true }, () => {
  /** Short enough for a test; slow clients send several times within each limit. */
  const timeouts = { headersMs: 1_500, wholeMs: 3_000, lookMs: 100 };
  const dripMs = 100;

  /** Sends a little more data at intervals, which must not extend the limit. */
  function drip(t: TestContext, sockets: readonly Socket[], bytes: string): void {
    const drops = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write(bytes);
    }, dripMs);
    t.after(() => clearInterval(drops));
  }

  it('are cut off after some seconds where it is the headers, and after a minute where it is the body', () => {
    const { headersMs, wholeMs, lookMs } = requestTimeouts;
    assert.ok(headersMs + lookMs <= 15_000);
    assert.ok(wholeMs + lookMs <= 65_000);
  });

  it('hold connections for no longer than that, also all there are, and end no stream', async (t) => {
    const { project } = bench;
    const at = { port: (await serve(t, { timeouts })).port, token };
    const first = bench.store(planRequest());
    const stream = await listen(at, '/events', '0');
    t.after(() => stream.drop());
    await stream.until(({ data }) => data.session_id === first.session.id);
    const head = 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ';
    const connections = Array.from({ length: 600 }, (_, index) => cutOff(at.port, index === 0 ? '' : head));
    t.after(() => {
      for (const { socket } of connections) socket.destroy();
    });
    drip(
      t,
      connections.slice(1, 20).map(({ socket }) => socket),
      'x',
    );
    const answers = await Promise.all(connections.map(({ said }) => said));
    assert.ok(answers.filter((said) => said.startsWith('HTTP/1.1 408 ')).length >= 400);
    assert.equal((await getText(at, '/health')).status, 200);
    const second = bench.store(planRequest());
    project.watcher.notify();
    const follower = await listen(at, `/events?session=${second.session.id}`, '0');
    t.after(() => follower.drop());
    assert.equal((await follower.next())?.type, 'session.created');
    await stream.until(({ data }) => data.session_id === second.session.id);
  });

  it('do nothing of what their body was going to ask for', async (t) => {
    const service = await serve(t, { timeouts });
    const at = { port: service.port, token };
    const lines = (path: string, ...more: readonly string[]): string =>
      [
        `POST ${path} HTTP/1.1`,
        'Host: 127.0.0.1',
        `Authorization: Bearer ${token}`,
        'Content-Type: application/json',
        ...more,
        '\r\n',
      ].join('\r\n');
    const paths = ['/mcp', '/acp/runs', '/acp/messages'];
    const declared = paths.map((path) => cutOff(at.port, `${lines(path, 'Content-Length: 1000')}{"a":`));
    const chunked = paths.map((path) =>
      cutOff(at.port, `${lines(path, 'Transfer-Encoding: chunked')}4\r\n{"a"\r\n`),
    );
    t.after(() => {
      for (const { socket } of [...declared, ...chunked]) socket.destroy();
    });
    drip(
      t,
      declared.map(({ socket }) => socket),
      ' ',
    );
    for (const { said } of chunked) assert.match(await said, /^HTTP\/1\.1 408 /);
    // A client that is still sending may lose the last response, and the rest of its data is not a request.
    for (const { said } of declared) assert.match(await said, /^(HTTP\/1\.1 40[08] |$)/);
    assert.match((await getText(at, '/metrics')).text, /^maos_mcp_sessions 0$/m);
    await service.close(3_600_000);
  });
});

/** Event streams of a real server: read slowly or not at all, broken by its end, and as many as it allows. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import { sessionEvent } from '../../src/domain/events.ts';
import { type InstanceId, parseSessionId, type SessionId } from '../../src/domain/ids.ts';
import { projectFolder, workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import { identify } from '../../src/infrastructure/process/tree/identity.ts';
import { openInstanceRegistry } from '../../src/infrastructure/sqlite/instance-registry.ts';
import { openSessionStore } from '../../src/infrastructure/sqlite/session-store.ts';
import { eventView } from '../../src/presentation/contracts/views.ts';
import { Gate } from '../helpers/gate.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';
import { agentRequest, created, instanceId } from '../infrastructure/sqlite/samples.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import {
  type EventClient,
  getText,
  type Heard,
  listen,
  type Place,
} from '../presentation/http/event-client.ts';
import { openSession, request, send } from '../presentation/http/mcp-client.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

const patience = { timeout: 300_000 };

interface Served {
  readonly folder: MaosFolder;
  readonly token: string;
  start(): Promise<HttpProcess>;
}

/** A home and a project in which commands are allowed. */
async function place(t: TestContext): Promise<Served> {
  const folder = await maosFolder(t);
  mkdirSync(folder.home, { mode: 0o700 });
  writeFileSync(join(folder.home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
  const { token } = await folder.json<{ token: string }>('token');
  return { folder, token, start: () => HttpProcess.start(t, folder) };
}

/** The store as another process than the server sees it. */
function storeOf(t: TestContext, { home, project: path }: MaosFolder): SessionStore {
  const hash = workspaceHash(path);
  const store = openSessionStore({
    file: join(projectFolder(home, hash), 'project.db'),
    project: { hash, path },
  });
  t.after(() => store.close());
  return store;
}

/** A session for the store. The server takes it over in the end, so it must not have real agents. */
function session() {
  return created({ agents: [agentRequest({ backend: 'command', command: ['true'] })] });
}

/** Registers this process as a living owner, because a server takes sessions of other owners over at once. */
async function owner(t: TestContext, { home, project }: MaosFolder): Promise<InstanceId> {
  const id = instanceId();
  const registry = openInstanceRegistry({ file: join(home, 'instances.db') });
  t.after(() => registry.close());
  const self = (await identify(process.pid)) ?? assert.fail('this process is not known');
  const startedAt = new Date().toISOString();
  registry.register({ id, version: 'test', port: null, workspace: project, startedAt, ...self });
  return id;
}

/** All events above a position, in the form in which they must be sent. */
function stored({ feed }: SessionStore, after: number, of?: SessionId) {
  return feed
    .eventsAfter(after, 1_000_000, of)
    .map(({ position, event }) => [position, event.type, eventView(event)]);
}

const placeOf = ({ id }: Pick<Heard, 'id'>): number => Number(id.split('-')[1] ?? 0);
const sent = (heard: readonly Heard[]) => heard.map((each) => [placeOf(each), each.type, each.data]);

async function open(t: TestContext, at: Place, path = '/events', lastSeen: string | null = null) {
  const client = await listen(at, path, lastSeen);
  t.after(() => client.drop());
  return client;
}

/** Starts a session of agents that run the commands one after another. @returns its id */
async function orchestrate(at: Place, commands: readonly string[]): Promise<SessionId> {
  const url = `http://127.0.0.1:${at.port}`;
  const headers = await openSession({ ...at, url });
  const agents = commands.map((command) => ({
    role: 'qa',
    task: 'Run.',
    command: ['/bin/sh', '-c', command],
  }));
  const args = { objective: 'Make events.', strategy: 'sequential', on_exit: 'keep', agents };
  const body = request(1, 'tools/call', { name: 'orchestrate', arguments: args });
  const answer = await (await send({ ...at, url }, 'POST', { headers, body })).text();
  return parseSessionId(/"session_id":"(sess_[^"]+)"/.exec(answer)?.[1] ?? assert.fail(answer));
}

const authorized = (token: string, first: string, ...lines: readonly string[]): string =>
  [first, 'Host: 127.0.0.1', `Authorization: Bearer ${token}`, ...lines, ''].join('\r\n');

// In parallel, each with its own server, because the tests mostly wait for limits to expire.
describe('HTTP mode', { ...patience, concurrency: 4 }, () => {
  describe('a server that ends in the middle of streams', () => {
    it(
      'by SIGKILL and by SIGTERM: whoever goes on with the next one misses nothing and hears nothing twice',
      patience,
      async (t) => {
        const { folder, token, start } = await place(t);
        let server = await start();
        const at = (): Place => ({ port: server.port, token });
        const gates = ['a', 'b', 'c'].map((name) => new Gate(folder.project, name));
        // The last agent waits, so that all are still running when the server ends for the last time.
        const ids = await Promise.all(
          gates.map((gate) => orchestrate(at(), [...Array<string>(60).fill('sleep 0.02'), gate.wait])),
        );
        let next = Promise.resolve();
        let isOver = false;
        t.after(() => {
          isOver = true;
        });
        let count = 0;
        let onCount = (): void => {};
        let streams = 0;
        /** Streams that were opened with the current server. */
        const openNow = new Set<EventClient>();

        /** Hears of the sessions until they have completed, whatever becomes of the server. */
        const follow = async (path: string, of: ReadonlySet<string>): Promise<readonly Heard[]> => {
          const heard: Heard[] = [];
          const open = new Set(of);
          let lastSeen = '0';
          streams += 1;
          while (open.size > 0) {
            await next;
            let client: EventClient;
            try {
              client = await listen(at(), path, lastSeen);
            } catch (error) {
              // It has just been ended, and the next one is under way.
              if (isOver) throw error;
              continue;
            }
            assert.equal(client.status, 200);
            openNow.add(client);
            onCount();
            for (let each = await client.next(); each !== null; each = await client.next()) {
              heard.push(each);
              lastSeen = each.id;
              count += 1;
              onCount();
              if (each.type === 'session.completed') open.delete(String(each.data.session_id));
              if (open.size === 0) break;
            }
            client.drop();
            openNow.delete(client);
          }
          return heard;
        };
        const heardWithAllOpen = (goal: number): Promise<void> =>
          new Promise((resolve) => {
            onCount = () => {
              if (count >= goal && openNow.size === streams) resolve();
            };
            onCount();
          });

        const everything = Array.from({ length: 5 }, () => follow('/events', new Set(ids)));
        const single = ids.map((id) => follow(`/events?session=${id}`, new Set([id])));
        for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
          await heardWithAllOpen(count + 100);
          next = (async () => {
            await server.end(signal);
            openNow.clear();
            server = await start();
          })();
          await next;
        }
        await heardWithAllOpen(count);
        for (const gate of gates) gate.openNow();
        const [all, ones] = await Promise.all([Promise.all(everything), Promise.all(single)]);

        const store = storeOf(t, folder);
        for (const heard of all) assert.deepEqual(sent(heard), stored(store, 0).slice(0, heard.length));
        for (const [index, heard] of ones.entries()) {
          const id = ids[index] ?? assert.fail();
          const own = stored(store, 0, id);
          assert.deepEqual(sent(heard), own.slice(0, heard.length));
          assert.deepEqual(
            own,
            stored(store, 0).filter(([, , event]) => (event as { session_id: string }).session_id === id),
          );
        }
      },
    );
  });

  describe('a subscriber that does not read', patience, () => {
    it('is dropped and told of in the log; the memory stays bounded, and the others hear everything', async (t) => {
      const { folder, token, start } = await place(t);
      const server = await start();
      const at = { port: server.port, token };
      const first = await orchestrate(at, ['true']);
      const whole = await open(t, at, `/events?session=${first}`, '0');
      await whole.until(({ type }) => type === 'session.completed');
      const store = storeOf(t, folder);
      const memory = async (): Promise<number> =>
        Number(/^process_resident_memory_bytes (\d+)/m.exec((await getText(at, '/metrics')).text)?.[1]);
      const before = await memory();
      const start0 = store.feed.lastPosition();
      const reading = await Promise.all(Array.from({ length: 3 }, () => open(t, at)));
      const snapshots = await Promise.all(reading.map((client) => client.next()));
      const position = snapshots[0]?.id ?? assert.fail();
      assert.deepEqual(
        snapshots.map((snapshot) => snapshot?.id),
        Array(3).fill(position),
      );
      assert.equal(placeOf({ id: position }), start0);
      const count = 30;
      const stalled = Array.from({ length: count }, () => {
        const socket = connect(server.port, '127.0.0.1', () =>
          socket.write(authorized(token, 'GET /events HTTP/1.1', `Last-Event-ID: ${position}`, '')),
        );
        const closed = new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
        });
        socket.on('error', () => {}).pause();
        t.after(() => socket.destroy());
        return { socket, closed };
      });

      // Only then: what follows keeps this process from sending a request in time.
      const everyone = 1 + reading.length + count;
      const subscribers = async (): Promise<number> =>
        Number(/^maos_event_stream_subscribers (\d+)$/m.exec((await getText(at, '/metrics')).text)?.[1]);
      await until(async () => (await subscribers()) >= everyone);

      // More than any socket's buffers take, 30 times as much as is then compared with.
      const megabyte = 1_048_576;
      const lease = store.create(session(), await owner(t, folder));
      const workflow = store.load(lease.sessionId);
      for (let index = 0; index < 256; index++) {
        const data = { phase: 0, filler: 'x'.repeat(megabyte / 8) };
        const event = sessionEvent('phase.started', lease.sessionId, new Date().toISOString(), data as never);
        store.commit(lease, workflow, { next: workflow, events: [event] });
      }
      const last = store.feed.lastPosition();
      // Side by side: one that waited for its turn would be a subscriber that does not read.
      const heardByEach = await Promise.all(
        reading.map((client) => client.until((each) => placeOf(each) >= last)),
      );
      for (const heard of heardByEach) {
        assert.deepEqual(sent(heard), stored(store, start0).slice(0, heard.length));
      }
      const dropped = /^maos_event_streams_stalled_total (\d+)$/m;
      let most = 0;
      await until(async () => {
        most = Math.max(most, await memory());
        const said = Number(dropped.exec((await getText(at, '/metrics')).text)?.[1]);
        assert.ok(said <= count, `${said} are dropped, of whom only ${count} do not read`);
        if (said < count) await giveTimeTo('be asked without keeping it from its work', 500);
        return said === count;
      }, 'those that do not read to be dropped');
      // Kept for each, it would be 960 MB.
      assert.ok(most - before < 400 * megabyte, `${(most - before) / megabyte} MB more`);
      for (const { socket, closed } of stalled) {
        socket.resume();
        await closed;
      }
      const logs = join(folder.home, 'logs');
      const lines = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n'));
      assert.equal(
        lines.filter((line) => line.includes('event stream closed: the client does not read it')).length,
        count,
      );
      for (const client of reading) client.drop();
    });
  });

  describe('as many as there may be', () => {
    it('are 256 streams; one more is refused until one of them ends', patience, async (t) => {
      const { token, start } = await place(t);
      const server = await start();
      const at = { port: server.port, token };
      const first = await orchestrate(at, ['true']);
      const clients: EventClient[] = [];
      for (let index = 0; index < 300; index++)
        clients.push(await open(t, at, `/events?session=${first}`, '0'));
      assert.deepEqual(
        clients.map(({ status }) => status),
        [...Array<number>(256).fill(200), ...Array<number>(44).fill(503)],
      );
      const { status, headers, text: said } = await getText(at, '/events');
      assert.deepEqual(
        [status, headers['retry-after'], JSON.parse(said).code],
        [503, '5', 'RESOURCE_LIMIT_EXCEEDED'],
      );
      assert.equal((await getText(at, '/health')).status, 200);
      for (const client of clients.slice(0, 256))
        await client.until(({ type }) => type === 'session.completed');
      clients[0]?.drop();
      while ((await open(t, at)).status !== 200);
    });
  });
});

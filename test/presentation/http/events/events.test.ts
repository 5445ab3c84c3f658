import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lease } from '../../../../src/application/ports/ownership.ts';
import { sessionEvent } from '../../../../src/domain/events.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import type { Workflow } from '../../../../src/domain/workflow.ts';
import { projectFolder, workspaceHash } from '../../../../src/infrastructure/files/home/home.ts';
import { eventView } from '../../../../src/presentation/contracts/views.ts';
import type { HttpDeps } from '../../../../src/presentation/http/server/deps.ts';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { endedSession } from '../../../helpers/ended-sessions.ts';
import { until } from '../../../helpers/waiting.ts';
import { created, instanceId, planRequest } from '../../../infrastructure/sqlite/samples.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';
import { type EventClient, getText, type Heard, heardFrom, listen, type Place } from '../event-client.ts';

const token = 'right-token';
const storeProcess = fileURLToPath(
  new URL('../../../infrastructure/sqlite/fixtures/store-process.ts', import.meta.url),
);
let bench: Workbench;

before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

/** A real server with the real store; ends with the test. */
async function serve(
  t: TestContext,
  eventLimits: NonNullable<HttpDeps['eventLimits']> = {},
): Promise<Place & { end(): Promise<void> }> {
  const ending = new AbortController();
  const { runtime, root: projectPath } = bench;
  const identity = serverIdentity(runtime.version);
  const deps = { runtime, identity, projectPath, ending: ending.signal, eventLimits };
  const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
  let ended: Promise<void> | null = null;
  const end = (): Promise<void> => {
    ending.abort();
    ended ??= service.close(10_000);
    return ended;
  };
  t.after(end);
  return { port: service.port, token, end };
}

async function follow(
  t: TestContext,
  place: Place,
  path = '/events',
  lastSeen?: string,
): Promise<EventClient> {
  const client = await listen(place, path, lastSeen);
  t.after(() => client.drop());
  assert.equal(client.status, 200);
  return client;
}

/** A stored session, with a function that adds one event to it. */
function writable(): { id: SessionId; lease: Lease; add(data?: object): void; last(): number } {
  const { store } = bench.project;
  const lease = store.create(created(), instanceId());
  const workflow: Workflow = store.load(lease.sessionId);
  return {
    id: lease.sessionId,
    lease,
    add(data = { phase: 0 }) {
      const event = sessionEvent('phase.started', lease.sessionId, bench.project.clock.now(), data as never);
      store.commit(lease, workflow, { next: workflow, events: [event] });
      bench.project.watcher.notify();
    },
    last: () => store.feed.lastPosition(),
  };
}

/** Another process that adds events to a session as fast as it can. */
async function writeForever(t: TestContext, { lease }: { lease: Lease }): Promise<ChildProcess> {
  const file = join(projectFolder(bench.runtime.home, workspaceHash(bench.root)), 'project.db');
  const args = ['commitForever', file, lease.sessionId, lease.owner, String(lease.epoch)];
  const writer = spawn(process.execPath, ['--no-warnings', storeProcess, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // Until it has ended, it may hold the lock and disturb the next test.
  const exited = once(writer, 'exit');
  t.after(async () => {
    writer.kill('SIGKILL');
    await exited;
  });
  await once(writer.stdout, 'data');
  writer.stdout.resume();
  return writer;
}

const positionOf = ({ id }: Heard): number => Number(id.split('-')[1] ?? 0);
const isLast = (position: number) => (heard: Heard) => positionOf(heard) >= position;

/** All events of the store above a position, in the form in which they must be sent. */
function stored(after: number, of?: SessionId) {
  const all = bench.project.store.feed.eventsAfter(after, 100_000, of);
  return all.map(({ position, event }) => [position, event.type, eventView(event)]);
}

function sent(heard: readonly Heard[]) {
  return heard.map((each) => [positionOf(each), each.type, each.data]);
}

describe('a stream of events', () => {
  it('begins with a snapshot and goes on from exactly there', async (t) => {
    const place = await serve(t);
    bench.store(planRequest());
    const { session_id } = await bench.ask('orchestrate', {
      objective: 'Run.',
      agents: [
        { role: 'qa', name: 'a', task: 'Wait.', backend: 'command', command: bench.gate('snapshot') },
        { role: 'qa', name: 'b', task: 'Go.', backend: 'command', command: ['true'], depends_on: ['a'] },
      ],
    });
    const client = await follow(t, place);
    assert.equal(client.headers['content-type'], 'text/event-stream');
    assert.equal(client.headers['cache-control'], 'no-store');
    const snapshot = (await client.next()) ?? assert.fail();
    assert.equal(snapshot.type, 'snapshot');
    assert.equal(snapshot.data.position, snapshot.id);
    const sessions = snapshot.data.sessions as Record<string, unknown>[];
    assert.deepEqual([sessions.length, snapshot.data.omitted], [2, 0]);
    const [newest = assert.fail()] = sessions;
    assert.equal(newest.session_id, session_id);
    assert.equal((newest.progress as Record<string, number>).completed, 0);
    bench.open('snapshot');
    const heard = await client.until(
      ({ type, data }) => type === 'session.completed' && data.session_id === session_id,
    );
    assert.deepEqual(sent(heard), stored(positionOf(snapshot)).slice(0, heard.length));
    assert.deepEqual(
      heard.map(positionOf),
      heard.map((_, index) => positionOf(snapshot) + 1 + index),
    );
    const all = [...stored(0, session_id as SessionId)];
    assert.equal(all.at(-1)?.[1], 'session.completed');
  });

  it('is taken up again in the middle of a running session, by the next server too, with no gap', async (t) => {
    const session = writable();
    await writeForever(t, session);
    let place = await serve(t);
    const heard: Heard[] = [];
    let lastSeen = '0';
    for (let round = 0; round < 12; round++) {
      const client = await follow(t, place, '/events', lastSeen);
      const goal = Math.max(session.last(), positionOf(heard.at(-1) ?? ({ id: '0' } as Heard)) + 50);
      heard.push(...(await client.until(isLast(goal))));
      lastSeen = heard.at(-1)?.id ?? assert.fail();
      if (round % 4 === 3) {
        await place.end();
        place = await serve(t);
      } else client.drop();
    }
    assert.ok(heard.length >= 600, String(heard.length));
    assert.deepEqual(
      heard.map(positionOf),
      heard.map((_, index) => index + 1),
    );
    assert.deepEqual(sent(heard), stored(0).slice(0, heard.length));
  });

  it('loses and repeats nothing when sessions are removed, the newest included', async (t) => {
    const place = await serve(t);
    const client = await follow(t, place);
    await client.next();
    const { store } = bench.project;
    for (let round = 0; round < 3; round++) {
      const id = endedSession(bench, bench.project.clock.now());
      const last = store.feed.lastPosition();
      bench.project.watcher.notify();
      const before = await client.until(isLast(last));
      const future = '9999-01-01T00:00:00.000Z';
      assert.deepEqual(store.maintenance.removeEnded([id], future, 10_000).removed, [id]);
      assert.deepEqual(stored(last - 1), []);
      writable();
      const next = store.feed.lastPosition();
      assert.ok(next > last);
      bench.project.watcher.notify();
      assert.deepEqual(sent(await client.until(isLast(next))), stored(last));
      // A client that saw the removed session last continues as well.
      const resumed = await follow(t, place, '/events', before.at(-1)?.id ?? assert.fail());
      assert.deepEqual(sent(await resumed.until(isLast(next))), stored(last));
      resumed.drop();
    }
  });

  it('tells of one session alone where that is asked, also when it is taken up again', async (t) => {
    const place = await serve(t);
    const [one, other] = [writable(), writable()];
    const client = await follow(t, place, `/events?session=${one.id}`);
    const snapshot = (await client.next()) ?? assert.fail();
    const [shown, ...more] = snapshot.data.sessions as Record<string, unknown>[];
    assert.deepEqual([shown?.session_id, more], [one.id, []]);
    // More than a page, so that the missed events are read in several steps.
    for (let i = 0; i < 130; i++) {
      one.add();
      other.add();
    }
    one.add();
    const all = stored(positionOf(snapshot), one.id);
    assert.equal(all.length, 131);
    assert.deepEqual(sent(await client.until(isLast(one.last()))), all);
    const resumed = await follow(t, place, `/events?session=${one.id}`, snapshot.id);
    assert.deepEqual(sent(await resumed.until(isLast(one.last()))), all);
  });

  it('begins anew with a snapshot after a position that is none of this store', async (t) => {
    const place = await serve(t);
    const known = stored(0).at(-1)?.[0];
    for (const odd of ['x', '-1', '12', `zzzzzzzz-${known}`, `${'9'.repeat(300)}-1`, '', 'ä-1']) {
      const client = await follow(t, place, '/events', odd);
      assert.equal((await client.next())?.type, 'snapshot', odd);
      client.drop();
    }
    const first = await follow(t, place);
    const { id } = (await first.next()) ?? assert.fail();
    const beyond = await follow(t, place, '/events', id.replace(/-.*/, '-999999999'));
    assert.equal((await beyond.next())?.type, 'snapshot');
  });

  it('is none where only its head is asked for', async (t) => {
    const place = await serve(t, { maxStreams: 1 });
    for (let i = 0; i < 3; i++) {
      const { status, headers, text } = await getText(place, '/events', {}, 'HEAD');
      assert.deepEqual([status, headers['content-type'], text], [200, 'text/event-stream', '']);
    }
    await follow(t, place);
  });

  it('is refused for what is no session, and for one that is not there', async (t) => {
    const place = await serve(t);
    const { status, text } = await getText(place, '/events?session=nonsense');
    assert.deepEqual([status, JSON.parse(text).code], [400, 'INVALID_INPUT']);
    const unknown = await getText(place, '/events?session=sess_01K0ABCDEFGHJKMNPQRSTVWXYZ');
    assert.deepEqual([unknown.status, JSON.parse(unknown.text).code], [404, 'SESSION_NOT_FOUND']);
    assert.equal((await getText({ ...place, token: 'wrong' }, '/events')).status, 401);
  });

  it('says that it is still there while nothing happens', async (t) => {
    const place = await serve(t, { heartbeatMs: 5 });
    const session = writable();
    const client = await follow(t, place);
    const hearing = client.until(isLast(session.last() + 1));
    await until(() => client.comments.length >= 3);
    session.add();
    assert.equal((await hearing).at(-1)?.type, 'phase.started');
    assert.equal(client.comments[0], 'still here');
  });

  it('ends with the server, in good order', async (t) => {
    const place = await serve(t);
    const client = await follow(t, place);
    await client.next();
    const ended = client.next();
    await place.end();
    assert.equal(await ended, null);
  });
});

describe('many subscribers', () => {
  it('hear the same, all of it, from one reader of the store', async (t) => {
    const place = await serve(t);
    const session = writable();
    const start = session.last();
    const clients = await Promise.all(Array.from({ length: 50 }, () => follow(t, place)));
    for (const client of clients) assert.equal((await client.next())?.type, 'snapshot');
    const reads = t.mock.method(bench.project.store.feed, 'eventsAfter');
    const events = 60;
    const heard = Promise.all(clients.map((client) => client.until(isLast(start + events))));
    for (let i = 0; i < events; i++) {
      session.add();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = await heard;
    // At most one read per change, and one more when the watcher checks as well.
    assert.ok(reads.mock.callCount() <= 3 * events, `${reads.mock.callCount()} reads`);
    reads.mock.restore();
    for (const each of all) assert.deepEqual(sent(each), stored(start).slice(0, events));
    const { text } = await getText(place, '/metrics');
    assert.match(text, /^maos_event_stream_subscribers 50$/m);
    for (const client of clients) client.drop();
  });

  it('are bounded in number, and who leaves makes room', async (t) => {
    const place = await serve(t, { maxStreams: 2 });
    const [first] = await Promise.all([follow(t, place), follow(t, place)]);
    await first?.next();
    const { status, headers, text } = await getText(place, '/events');
    assert.deepEqual(
      [status, headers['retry-after'], JSON.parse(text).code],
      [503, '5', 'RESOURCE_LIMIT_EXCEEDED'],
    );
    first?.drop();
    for (;;) {
      const client = await listen(place, '/events');
      client.drop();
      if (client.status === 200) break;
      assert.equal(client.status, 503);
    }
  });

  it('are not kept waiting by one that does not read, which is dropped and can go on later', async (t) => {
    const place = await serve(t, { stallMs: 2_000 });
    const session = writable();
    const start = session.last();
    const first = await follow(t, place);
    const { id: position } = (await first.next()) ?? assert.fail();
    first.drop();
    const dropped = new Promise<void>((resolve) => {
      t.after(
        bench.runtime.watchLog((_, message) => {
          if (message.startsWith('event stream closed')) resolve();
        }),
      );
    });
    // More than the socket buffers hold.
    const count = 250;
    for (let i = 0; i < count; i++) session.add({ phase: 0, filler: 'x'.repeat(128 * 1024) });

    const stalled = connect({ host: '127.0.0.1', port: place.port });
    t.after(() => stalled.destroy());
    stalled.write(
      `GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: ${position}\r\n\r\n`,
    );
    const reading = await follow(t, place, '/events', position);
    const heard = await reading.until(isLast(session.last()));
    assert.deepEqual(sent(heard), stored(start));
    await dropped;
    session.add();
    assert.deepEqual(sent(await reading.until(isLast(session.last()))), stored(start + count));
    assert.match((await getText(place, '/metrics')).text, /^maos_event_streams_stalled_total 1$/m);

    // The client received complete events up to one of them, and continues after it.
    let text = '';
    await new Promise<void>((resolve) => {
      stalled.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      stalled.once('error', () => resolve()).once('close', () => resolve());
    });
    const ids = [...text.matchAll(/^id: (\S+)\r?\n(?=event: phase\.started)/gm)].map(([, id]) => id);
    assert.ok(ids.length < count, 'it did not read');
    const lastSeen = ids.at(-2) ?? position;
    const resumed = await follow(t, place, '/events', lastSeen);
    const rest = await resumed.until(isLast(session.last()));
    assert.deepEqual(sent(rest), stored(positionOf({ id: lastSeen } as Heard)));
  });
});

describe('a block of a stream', () => {
  it('is read by the standard', () => {
    const comments: string[] = [];
    assert.equal(heardFrom(': x', comments), null);
    assert.deepEqual(comments, ['x']);
    assert.deepEqual(heardFrom('id: a-1\nevent: e\ndata: {"a":1}'), { id: 'a-1', type: 'e', data: { a: 1 } });
    assert.throws(() => heardFrom('data: 1\nnonsense'));
  });
});

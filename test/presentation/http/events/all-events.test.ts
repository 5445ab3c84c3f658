import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Lease } from '../../../../src/application/ports/ownership.ts';
import type { Project } from '../../../../src/application/project.ts';
import { sessionEvent } from '../../../../src/domain/events.ts';
import type { SessionId } from '../../../../src/domain/ids.ts';
import type { Workflow } from '../../../../src/domain/workflow.ts';
import { projectFolder, workspaceHash } from '../../../../src/infrastructure/files/home/home.ts';
import { describeEvent } from '../../../../src/presentation/contracts/event-lines.ts';
import { eventView } from '../../../../src/presentation/contracts/views.ts';
import { created, instanceId } from '../../../infrastructure/sqlite/samples.ts';
import { type EventClient, getText, type Heard, listen, type Place } from '../event-client.ts';
import { httpBench } from '../http-bench.ts';

const path = '/events?all=true';

interface Written {
  readonly id: SessionId;
  readonly lease: Lease;
  add(): void;
}

/** A stored session of a project, with a function that adds one event to it. */
function write(project: Project): Written {
  const { store } = project;
  const lease = store.create(created(), instanceId());
  const workflow: Workflow = store.load(lease.sessionId);
  project.watcher.notify();
  return {
    id: lease.sessionId,
    lease,
    add() {
      const data = { phase: 0 } as never;
      const event = sessionEvent('phase.started', lease.sessionId, project.clock.now(), data);
      store.commit(lease, workflow, { next: workflow, events: [event] });
      project.watcher.notify();
    },
  };
}

async function follow(t: TestContext, place: Place, lastSeen?: string): Promise<EventClient> {
  const client = await listen(place, path, lastSeen);
  t.after(() => client.drop());
  assert.equal(client.status, 200);
  return client;
}

async function snapshotOf(client: EventClient): Promise<Heard> {
  const heard = (await client.next()) ?? assert.fail('the stream ended');
  assert.equal(heard.type, 'snapshot');
  assert.equal(heard.data.position, heard.id);
  return heard;
}

function sessionsOf({ data }: Heard): unknown[][] {
  return (data.sessions as Record<string, unknown>[]).map((one) => [one.session_id, one.project]);
}

/** Reads until as many events of each session were heard. */
async function hear(client: EventClient, counts: ReadonlyMap<SessionId, number>): Promise<readonly Heard[]> {
  const missing = new Map<unknown, number>(counts);
  return client.until(({ data }) => {
    missing.set(data.session_id, (missing.get(data.session_id) ?? 0) - 1);
    return [...missing.values()].every((count) => count <= 0);
  });
}

/** The events of a project in the form in which they must be sent, and in their order. */
function stored(project: Project, of?: SessionId) {
  const all = project.store.feed.eventsAfter(0, 100_000, of);
  return all.map(({ event }) => ({
    ...eventView(event),
    text: describeEvent(event),
    project: project.path,
  }));
}

function heardOf(heard: readonly Heard[], project: Project) {
  return heard.filter(({ data }) => data.project === project.path).map(({ data }) => data);
}

describe('a stream of the events of all projects', () => {
  it('begins with the sessions of every project, and goes on from exactly there, in each in order', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const [one, two] = [write(bench.project), write(other)];
    const client = await follow(t, bench.place);
    const snapshot = await snapshotOf(client);
    assert.deepEqual(
      sessionsOf(snapshot).sort(),
      [
        [one.id, bench.root],
        [two.id, other.path],
      ].sort(),
    );
    assert.equal(snapshot.data.omitted, 0);
    // More than a page of each.
    for (let i = 0; i < 120; i++) {
      one.add();
      two.add();
    }
    const heard = await hear(client, new Map([one, two].map(({ id }) => [id, 120])));
    for (const [project, { id }] of [
      [bench.project, one],
      [other, two],
    ] as const) {
      assert.deepEqual(heardOf(heard, project), stored(project, id).slice(-120));
    }
    assert.equal(new Set(heard.map(({ id }) => id)).size, heard.length);
  });

  it('is continued from any event, by another server too, with no gap and no repeat', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const [one, two] = [write(bench.project), write(other)];
    let client = await follow(t, bench.place);
    let lastSeen = (await snapshotOf(client)).id;
    const before = new Map([bench.project, other].map((project) => [project, stored(project).length]));
    const heard: Heard[] = [];
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 30; i++) [one, two][(round + i) % 3 === 0 ? 1 : 0]?.add();
      // Drops the connection in the middle of what was sent.
      for (let i = 0; i < 15; i++) heard.push((await client.next()) ?? assert.fail());
      lastSeen = heard.at(-1)?.id ?? lastSeen;
      client.drop();
      client = await follow(t, bench.place, lastSeen);
    }
    const left = (project: Project) => stored(project).length - (before.get(project) ?? 0);
    const rest = [bench.project, other].reduce((sum, project) => sum + left(project), 0) - heard.length;
    for (let i = 0; i < rest; i++) heard.push((await client.next()) ?? assert.fail());
    for (const project of [bench.project, other]) {
      assert.deepEqual(heardOf(heard, project), stored(project).slice(before.get(project)));
    }
  });

  it('follows a project that appears, from its first event, now or while the client was away', async (t) => {
    const bench = await httpBench(t, { lookMs: 20 });
    const client = await follow(t, bench.place);
    const { id: position } = await snapshotOf(client);
    const { project: other } = await bench.otherProject();
    const { id } = write(other);
    const count = stored(other).length;
    assert.deepEqual(heardOf(await hear(client, new Map([[id, count]])), other), stored(other));
    const resumed = await follow(t, bench.place, position);
    assert.deepEqual(heardOf(await hear(resumed, new Map([[id, count]])), other), stored(other));
  });

  it('shows a project that appears with a long history by another snapshot', async (t) => {
    const bench = await httpBench(t, { lookMs: 20 });
    const own = write(bench.project);
    const { project: other } = await bench.otherProject();
    const { store } = other;
    const { lease, id } = write(other);
    const workflow = store.load(id);
    const event = sessionEvent('phase.started', id, other.clock.now(), { phase: 0 } as never);
    store.commit(lease, workflow, { next: workflow, events: Array.from({ length: 1_100 }, () => event) });
    const hidden = t.mock.method(bench.runtime, 'allProjects', async function* () {
      yield await bench.runtime.openProject(bench.root);
    });
    const client = await follow(t, bench.place);
    assert.deepEqual(sessionsOf(await snapshotOf(client)), [[own.id, bench.root]]);
    hidden.mock.restore();
    assert.deepEqual(
      sessionsOf(await snapshotOf(client)).sort(),
      [
        [own.id, bench.root],
        [id, other.path],
      ].sort(),
    );
  });

  it('begins anew after positions that are not of these stores, and when a project is gone', async (t) => {
    const bench = await httpBench(t, { lookMs: 20 });
    const { project: other } = await bench.otherProject();
    const [one, two] = [write(bench.project), write(other)];
    for (const odd of ['x', '0', 'mwscx0cm-12', 'a!', `a${'A'.repeat(16)}`]) {
      const client = await follow(t, bench.place, odd);
      assert.equal((await snapshotOf(client)).data.omitted, 0, odd);
      client.drop();
    }
    const client = await follow(t, bench.place);
    const { id: position } = await snapshotOf(client);
    rmSync(projectFolder(bench.runtime.home, workspaceHash(other.path)), { recursive: true });
    assert.deepEqual(sessionsOf(await snapshotOf(client)), [[one.id, bench.root]]);
    const resumed = await follow(t, bench.place, position);
    assert.deepEqual(sessionsOf(await snapshotOf(resumed)), [[one.id, bench.root]]);
    assert.notEqual(two.id, one.id);
  });

  it('goes on without a project that cannot be read', async (t) => {
    const bench = await httpBench(t, { lookMs: 20 });
    const { project: other } = await bench.otherProject();
    const [one, two] = [write(bench.project), write(other)];
    const client = await follow(t, bench.place);
    await snapshotOf(client);
    const broken = t.mock.method(other.store.feed, 'eventsAfter', () => {
      throw new Error('broken');
    });
    two.add();
    one.add();
    assert.equal((await client.next())?.data.session_id, one.id);
    broken.mock.restore();
    one.add();
    assert.equal((await client.next())?.data.session_id, one.id);
    assert.equal(bench.errors.length, 1);
    (bench.errors as unknown[]).length = 0;
  });

  it('is refused together with one session, and shows nothing where there is nothing', async (t) => {
    const bench = await httpBench(t);
    const { status, text } = await getText(bench.place, `${path}&session=sess_01K0ABCDEFGHJKMNPQRSTVWXYZ`);
    assert.deepEqual([status, JSON.parse(text).code], [400, 'INVALID_INPUT']);
    assert.equal((await getText(bench.place, '/events?all=maybe')).status, 400);
    const client = await follow(t, bench.place);
    assert.deepEqual((await snapshotOf(client)).data, { position: 'a', sessions: [], omitted: 0 });
  });

  it('skips a folder of a project whose database is damaged', async (t) => {
    const bench = await httpBench(t);
    const { project: other } = await bench.otherProject();
    const one = write(bench.project);
    const damaged = projectFolder(bench.runtime.home, workspaceHash(other.path));
    rmSync(damaged, { recursive: true });
    const elsewhere = await bench.otherProject();
    writeFileSync(
      join(projectFolder(bench.runtime.home, workspaceHash(elsewhere.project.path)), 'project.db'),
      'x',
    );
    const client = await follow(t, bench.place);
    assert.deepEqual(sessionsOf(await snapshotOf(client)), [[one.id, bench.root]]);
  });
});

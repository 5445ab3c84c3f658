import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RetentionPolicy } from '../../src/application/keeping-ports.ts';
import { collectGarbage } from '../../src/application/retention.ts';
import { makeSessionId, type SessionId } from '../../src/domain/ids.ts';
import { endedSession } from '../helpers/ended-sessions.ts';
import { Gate } from '../helpers/gate.ts';
import { eventOf, type RealProject, realProject, settled, shell, start } from '../helpers/real-project.ts';

const unlimited: RetentionPolicy = { maxAgeMs: null, maxSessions: null, maxBytes: null };
const dayMs = 86_400_000;
const now = '2026-06-30T12:00:00.000Z';
const daysAgo = (days: number): string => new Date(Date.parse(now) - days * dayMs).toISOString();

function collect({ project }: RealProject, policy: Partial<RetentionPolicy>, dryRun = false) {
  return collectGarbage(project, { ...unlimited, ...policy }, now, dryRun);
}

function reasons(report: Awaited<ReturnType<typeof collect>>): [SessionId, string][] {
  return report.removed.map(({ id, reason }) => [id, reason]);
}

function isWhole({ project }: RealProject, id: SessionId): boolean {
  const folder = join(project.files.describe(id), 'results', 'out.txt');
  return project.store.keeping.exists(id) && existsSync(folder);
}

function isGone({ project }: RealProject, id: SessionId): boolean {
  return !project.store.keeping.exists(id) && !existsSync(project.files.describe(id));
}

function trashOf(real: RealProject): readonly string[] {
  const folder = join(real.database, '..', 'trash');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name !== 'last-collection') : [];
}

describe('what is collected', () => {
  it('by age: what ended before; a dry run says the same and removes nothing', async (t) => {
    const real = realProject(t);
    const [old, older, young] = [daysAgo(40), daysAgo(50), daysAgo(2)].map((at) => endedSession(real, at));
    assert.ok(old && older && young);
    const planned = await collect(real, { maxAgeMs: 30 * dayMs }, true);
    assert.deepEqual(reasons(planned), [
      [older, 'age'],
      [old, 'age'],
    ]);
    assert.ok([old, older, young].every((id) => isWhole(real, id)));
    const done = await collect(real, { maxAgeMs: 30 * dayMs });
    assert.deepEqual(reasons(done), reasons(planned));
    assert.equal(done.removedBytes, 2 * (3 + 10));
    assert.equal(done.kept, 1);
    assert.ok(isGone(real, old) && isGone(real, older) && isWhole(real, young));
    assert.deepEqual(trashOf(real), []);
    assert.ok(await real.files.keeping.lastCollection());
  });

  it('by count and by bytes: the first that ended, until the rest is within the limit', async (t) => {
    const real = realProject(t);
    const ids = [5, 4, 3, 2, 1].map((days) => endedSession(real, daysAgo(days), { bytes: 997 }));
    assert.deepEqual(reasons(await collect(real, { maxSessions: 4 })), [[ids[0], 'count']]);
    const { keptBytes, removed } = await collect(real, { maxBytes: 2_500 });
    assert.deepEqual([removed.map(({ id }) => id), keptBytes], [[ids[1], ids[2]], 2_000]);
    assert.deepEqual(reasons(await collect(real, { maxBytes: 2_000, maxSessions: 2 })), []);
  });

  it('counts a sparse file with its full size', async (t) => {
    const real = realProject(t);
    const id = endedSession(real, daysAgo(1));
    const hole = join(real.project.files.describe(id), 'results', 'hole.bin');
    writeFileSync(hole, '');
    truncateSync(hole, 10_000_000_000);
    const report = await collect(real, { maxBytes: 9_999_999_999 });
    assert.deepEqual(reasons(report), [[id, 'bytes']]);
    assert.equal(report.removedBytes, 10_000_000_013);
  });

  it('is never a session that has not ended, or has an owner that was heard of', async (t) => {
    const real = realProject(t);
    const unfinished = endedSession(real, daysAgo(90), { ended: false });
    const owned = endedSession(real, daysAgo(90));
    // Of the tests' own clock: the owner was heard of at the time of the collection.
    real.project.store.acquire(owned, real.project.instance, { staleBefore: now });
    real.project.store.heartbeat(real.project.instance, now);
    const report = await collect(real, { maxAgeMs: 0, maxSessions: 0, maxBytes: 0 });
    assert.deepEqual(report.removed, []);
    assert.ok(isWhole(real, unfinished) && isWhole(real, owned));
    real.project.store.heartbeat(real.project.instance, daysAgo(1));
    assert.deepEqual(reasons(await collect(real, { maxSessions: 0 })), [[owned, 'count']]);
  });

  it('is a folder without a session only when it is as old as sessions get', async (t) => {
    const real = realProject(t);
    const folder = (id: SessionId, days: number): void => {
      const path = real.project.files.describe(id);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'session.log'), 'x');
      const at = new Date(daysAgo(days));
      utimesSync(join(path, 'session.log'), at, at);
    };
    const [old, young] = [real.project.ids.ulid(), real.project.ids.ulid()].map((ulid) =>
      makeSessionId(ulid),
    );
    assert.ok(old && young);
    folder(old, 40);
    folder(young, 20);
    assert.deepEqual(reasons(await collect(real, { maxAgeMs: 30 * dayMs })), [[old, 'leftover']]);
    assert.ok(existsSync(real.project.files.describe(young)), 'it may yet be recovered');
    assert.ok(!existsSync(real.project.files.describe(old)));
  });
});

const script = fileURLToPath(new URL('fixtures/collecting-process.ts', import.meta.url));

describe('a collection that is killed', () => {
  it('leaves every session whole or gone, whenever that is, and the next one ends it', async (t) => {
    const real = realProject(t);
    const ids = Array.from({ length: 90 }, () => endedSession(real, daysAgo(3), { agents: 2 }));
    const options = JSON.stringify({ home: real.home, root: real.root });
    let rounds = 0;
    let interrupted = 0;
    for (; ids.some((id) => real.project.store.keeping.exists(id)); rounds++) {
      assert.ok(rounds < 60, 'it gets on');
      const child = spawn(process.execPath, ['--no-warnings', script, options], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      // From before the first step to some batches later.
      await pause((rounds * 37) % 160);
      const ended = child.exitCode !== null;
      if (!ended) child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (!ended) interrupted += 1;
      for (const id of ids) {
        const { store } = real.project;
        if (!store.keeping.exists(id)) continue;
        assert.ok(isWhole(real, id), `${id} is shown without its files`);
        assert.equal(store.events(id, 0, 100).length > 0, true);
      }
    }
    for (const name of trashOf(real).filter((candidate) => candidate.endsWith('.tmp'))) {
      const path = join(real.database, '..', 'trash', name);
      utimesSync(path, new Date(0), new Date(0));
    }
    await collect(real, {});
    assert.ok(ids.every((id) => isGone(real, id)));
    assert.deepEqual(trashOf(real), []);
    assert.ok(interrupted >= 3, `only ${interrupted} of ${rounds} rounds were killed`);
  });
});

describe('a large collection', () => {
  it('does not block a session that runs meanwhile', async (t) => {
    const real = realProject(t);
    for (let made = 0; made < 400; made++) endedSession(real, daysAgo(5));
    const gate = new Gate(real.root, 'gate');
    const id = await start(real, [
      shell('live', gate.wait),
      shell('after', 'echo two', { depends_on: ['live'] }),
    ]);
    await eventOf(real, id, 'agent.spawned', 'live');
    const options = JSON.stringify({ home: real.home, root: real.root });
    const child = spawn(process.execPath, ['--no-warnings', script, options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    // A writer that wants the store all the time, beside the session itself.
    const waits: number[] = [];
    gate.openNow();
    while (child.exitCode === null) {
      const began = performance.now();
      real.project.store.heartbeat(real.project.instance, new Date().toISOString());
      waits.push(performance.now() - began);
      await pause(2);
    }
    await exited;
    assert.equal((await settled(real, id)).state, 'completed');
    assert.equal(real.project.store.list({ limit: 500 }).length, 1, 'all but the live one are gone');
    const worst = Math.max(...waits);
    assert.ok(waits.length > 50, `it wrote only ${waits.length} times`);
    t.diagnostic(`waited at most ${worst.toFixed(1)} ms in ${waits.length} writes`);
  });
});

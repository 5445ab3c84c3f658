import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { collectGarbage } from '../../../src/application/maintenance/retention/collect-garbage.ts';
import type { RetentionPolicy } from '../../../src/application/ports/maintenance.ts';
import { makeSessionId, type SessionId } from '../../../src/domain/ids.ts';
import { endedSession } from '../../helpers/ended-sessions.ts';
import { Gate } from '../../helpers/gate.ts';
import { eventOf, type RealProject, realProject, settled, shell, start } from '../../helpers/real-project.ts';
import { giveTimeTo } from '../../helpers/waiting.ts';

const unlimited: RetentionPolicy = { maxAgeMs: null, maxSessions: null, maxBytes: null, maxRefsAgeMs: null };
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
  return project.store.maintenance.exists(id) && existsSync(folder);
}

function isGone({ project }: RealProject, id: SessionId): boolean {
  return !project.store.maintenance.exists(id) && !existsSync(project.files.describe(id));
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
    assert.equal(done.removedBytes, planned.removedBytes);
    assert.ok(done.removedBytes >= 2 * (3 + 10));
    assert.equal(done.kept, 1);
    assert.ok(isGone(real, old) && isGone(real, older) && isWhole(real, young));
    assert.deepEqual(trashOf(real), []);
    assert.ok(await real.files.maintenance.lastCollection());
  });

  it('by count and by bytes: the first that ended, until the rest is within the limit', async (t) => {
    const real = realProject(t);
    const ids = [5, 4, 3, 2, 1].map((days) => endedSession(real, daysAgo(days), { bytes: 997 }));
    assert.deepEqual(reasons(await collect(real, { maxSessions: 4 })), [[ids[0], 'count']]);
    const size = await real.files.maintenance.sizeOf(ids[1] as SessionId);
    assert.ok(size >= 1_000 && size < 100_000, `${size} bytes`);
    const { keptBytes, removed } = await collect(real, { maxBytes: 2.5 * size });
    assert.deepEqual([removed.map(({ id }) => id), keptBytes], [[ids[1], ids[2]], 2 * size]);
    assert.deepEqual(reasons(await collect(real, { maxBytes: 2 * size, maxSessions: 2 })), []);
  });

  it('by the room that a session takes on the disk, not by what its files claim', async (t) => {
    const real = realProject(t);
    const ids = [3, 2, 1].map((days) => endedSession(real, daysAgo(days)));
    const results = join(real.project.files.describe(ids[2] as SessionId), 'results');
    writeFileSync(join(results, 'hole.bin'), '');
    truncateSync(join(results, 'hole.bin'), 10_000_000_000);
    writeFileSync(join(results, 'real.bin'), Buffer.alloc(1_000_000));
    linkSync(join(results, 'real.bin'), join(results, 'again.bin'));
    symlinkSync('.', join(results, 'loop'));
    execFileSync('mkfifo', [join(results, 'pipe')]);
    const { keptBytes, removed } = await collect(real, { maxBytes: 9_000_000_000 });
    assert.deepEqual(removed, []);
    assert.ok(keptBytes !== null && keptBytes >= 1_000_000 && keptBytes < 1_500_000, `${keptBytes} bytes`);
  });

  it('by bytes: a large one before all others, and none for a large one that may not go', async (t) => {
    const real = realProject(t);
    const small = [9, 8, 7].map((days) => endedSession(real, daysAgo(days)));
    const large = endedSession(real, daysAgo(2), { bytes: 2_000_000 });
    const last = endedSession(real, daysAgo(1));
    const live = endedSession(real, daysAgo(50), { ended: false, bytes: 3_000_000 });
    assert.deepEqual(reasons(await collect(real, { maxBytes: 4_000_000 }, true)), [[large, 'bytes']]);
    assert.deepEqual(reasons(await collect(real, { maxBytes: 2_500_000 })), [[large, 'bytes']]);
    assert.ok([...small, last, live].every((id) => isWhole(real, id)));
    const size = await real.files.maintenance.sizeOf(last);
    assert.deepEqual(reasons(await collect(real, { maxBytes: 12 * size })), []);
    const more = Array.from({ length: 10 }, () => endedSession(real, daysAgo(0.5)));
    const gone = reasons(await collect(real, { maxBytes: 12 * size }));
    assert.deepEqual(gone, [
      [small[0], 'bytes'],
      [small[1], 'bytes'],
    ]);
    assert.ok([small[2], last, live, ...more].every((id) => isWhole(real, id as SessionId)));
  });

  it('is never a session that has not ended, or has an owner that was heard of', async (t) => {
    const real = realProject(t);
    const unfinished = endedSession(real, daysAgo(90), { ended: false });
    const owned = endedSession(real, daysAgo(90));
    // With the tests' clock: the owner's heartbeat is from the time of the collection.
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

/** Creates nested folders, deeper than any path can name. */
function makeDeep(folder: string, times: number): void {
  const program = `
    process.chdir(process.argv[1]);
    for (let level = 0; level < ${times}; level++) { fs.mkdirSync('d'.repeat(40)); process.chdir('d'.repeat(40)); }
    fs.writeFileSync('bottom.txt', 'x');`;
  execFileSync(process.execPath, ['-e', program, folder]);
}

describe('what an agent left', () => {
  it('is removed, however deep, closed, many or oddly named', async (t) => {
    const real = realProject(t);
    const id = endedSession(real, daysAgo(3));
    const other = endedSession(real, daysAgo(2));
    const folder = join(real.project.files.describe(id), 'results');
    makeDeep(folder, 300);
    for (const name of ['closed', 'closed/within', 'read-only', 'read-only/within', 'many']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'file\nwith a break'), 'x');
    }
    for (let index = 0; index < 2_000; index++) mkdirSync(join(folder, 'many', `${index}`));
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from('caf\xe9', 'latin1')]), 'x');
    symlinkSync(real.root, join(folder, 'link'));
    symlinkSync('loop', join(folder, 'loop'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const [name, mode] of [
      ['closed', 0],
      ['read-only', 0o555],
    ] as const) {
      chmodSync(join(folder, name, 'within'), mode);
      chmodSync(join(folder, name), mode);
    }
    chmodSync(folder, 0o555);
    const report = await collect(real, { maxAgeMs: 0 });
    assert.deepEqual(
      [reasons(report), report.notRemoved],
      [
        [
          [id, 'age'],
          [other, 'age'],
        ],
        [],
      ],
    );
    assert.ok(isGone(real, id) && isGone(real, other) && existsSync(real.root));
    assert.deepEqual(trashOf(real), []);
  });

  it('is named and passed where the system lets nobody remove it; the next collection tries again', async (t) => {
    const real = realProject(t);
    const [id, next] = [3, 2].map((days) => endedSession(real, daysAgo(days)));
    assert.ok(id && next);
    const held = join(real.project.files.describe(id), 'results', 'held');
    mkdirSync(held);
    writeFileSync(join(held, 'file'), 'x');
    mkdirSync(join(held, '..', 'beside'));
    if (spawnSync('chattr', ['+i', held]).status !== 0) return t.skip('no folder can be made immutable here');
    // It moves with the folder that contains it.
    const at = (): string => {
      const trash = join(real.database, '..', 'trash');
      const top = trashOf(real).find((name) => existsSync(join(trash, name, 'held')));
      return top === undefined ? held : join(trash, top, 'held');
    };
    t.after(() => spawnSync('chattr', ['-i', at()]));
    const first = await collect(real, { maxAgeMs: 0 });
    assert.deepEqual(reasons(first), [
      [id, 'age'],
      [next, 'age'],
    ]);
    assert.deepEqual(first.notRemoved, [{ path: at(), reason: 'EPERM' }]);
    assert.ok(isGone(real, id) && isGone(real, next));
    const young = endedSession(real, daysAgo(1));
    const second = await collect(real, { maxAgeMs: 0 });
    assert.deepEqual([reasons(second), second.notRemoved.length], [[[young, 'age']], 1]);
    spawnSync('chattr', ['-i', at()]);
    assert.deepEqual((await collect(real, { maxAgeMs: 0 })).notRemoved, []);
    assert.deepEqual(trashOf(real), []);
  });
});

const script = fileURLToPath(new URL('../fixtures/collecting-process.ts', import.meta.url));

describe('a collection that is killed', () => {
  it('leaves every session whole or gone, whenever that is, and the next one ends it', async (t) => {
    const real = realProject(t);
    const ids = Array.from({ length: 90 }, () => endedSession(real, daysAgo(3), { agents: 2 }));
    const options = JSON.stringify({ home: real.home, root: real.root });
    let rounds = 0;
    let interrupted = 0;
    for (; ids.some((id) => real.project.store.maintenance.exists(id)); rounds++) {
      assert.ok(rounds < 60, 'it gets on');
      const child = spawn(process.execPath, ['--no-warnings', script, options], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      // From before the first step to some batches later, and later still after more rounds on a busy machine.
      await giveTimeTo('get anywhere in the collection', ((rounds * 37) % 160) + rounds * 20);
      const ended = child.exitCode !== null;
      if (!ended) child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (!ended) interrupted += 1;
      for (const id of ids) {
        const { store } = real.project;
        if (!store.maintenance.exists(id)) continue;
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
    const other = realProject(t, { home: real.home, root: real.root });
    let isOver = false;
    const collected = collect(other, { maxSessions: 0 }).finally(() => {
      isOver = true;
    });
    // A writer that runs whenever the collector yields. It must find the store unlocked, and some sessions left.
    const left = new Set<number>();
    const db = new DatabaseSync(real.database, { readOnly: true });
    t.after(() => db.close());
    const count = db.prepare('SELECT count(*) AS count FROM sessions');
    gate.openNow();
    while (!isOver) {
      real.project.store.heartbeat(real.project.instance, new Date().toISOString());
      left.add(Number(count.get()?.count));
      await giveTimeTo('let the collector have its turn', 2);
    }
    await collected;
    assert.equal((await settled(real, id)).state, 'completed');
    assert.equal(real.project.store.list({ limit: 500 }).length, 1, 'all but the live one are gone');
    const between = [...left].filter((count) => count > 1 && count < 401);
    assert.ok(between.length >= 3, `it wrote only while there were ${[...left]} sessions`);
  });
});

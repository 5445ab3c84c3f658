import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { openSessionStore } from '../../../src/infrastructure/sqlite/session-store.ts';
import { runStoreProcess } from './child.ts';
import { created, instanceId, project, started, tempFolder, tempStore } from './samples.ts';

describe('several processes', () => {
  it('that write 100 sessions each at once, to a database none of them found, leave exactly 300', async (t) => {
    const file = join(tempFolder(t), 'new', 'project.db');
    const writers = [1, 2, 3].map(() => runStoreProcess(t, 'createSessions', [file, '100']));
    await Promise.all(writers.map((writer) => writer.next()));
    for (const writer of writers) writer.process.stdin?.write('go\n');
    await Promise.all(writers.map((writer) => writer.finish()));
    const store = tempStore(t, file);
    const summaries = store.list({ limit: 1_000 });
    assert.equal(summaries.length, 300);
    assert.equal(new Set(summaries.map(({ session }) => session.id)).size, 300);
    for (const { session, progress } of summaries) {
      assert.deepEqual([session.state, progress.total, progress.running], ['running', 3, 1]);
      assert.equal(store.lastSeq(session.id), 4);
    }
    const db = new DatabaseSync(file, { readOnly: true });
    t.after(() => db.close());
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
    assert.equal(db.prepare('PRAGMA foreign_key_check').get(), undefined);
  });

  it('give STORE_BUSY where one holds the lock for too long, and lose nothing', async (t) => {
    const store = tempStore(t);
    const impatient = openSessionStore({ file: store.file, project, busyTimeoutMs: 50 });
    t.after(() => impatient.close());
    const change = created();
    const lease = store.create(change, instanceId());
    const holder = runStoreProcess(t, 'holdLock', [store.file]);
    assert.equal(await holder.next(), 'locked');
    const busy = {
      code: 'STORE_BUSY',
      message: /is locked by another process; nothing was changed.*Try again/,
    };
    const begun = performance.now();
    assert.throws(() => impatient.commit(lease, change.next, started(change)), busy);
    assert.ok(
      performance.now() - begun < 5_000,
      'it waits for as long as it was told, not for the default of 5 s',
    );
    assert.throws(() => impatient.create(created(), instanceId()), busy);
    assert.deepEqual(impatient.load(lease.sessionId), change.next, 'reading goes on');
    holder.process.stdin?.write('go\n');
    assert.equal(await holder.next(), 'released');
    assert.equal(impatient.commit(lease, change.next, started(change)).at(-1)?.seq, 4);
    assert.equal(impatient.list({ limit: 10 }).length, 1);
  });

  it('wait for a lock that is given back in time', async (t) => {
    const store = tempStore(t);
    const holder = runStoreProcess(t, 'holdLock', [store.file]);
    assert.equal(await holder.next(), 'locked');
    // The commit below blocks this process, so the order to release the lock must be sent before.
    holder.process.stdin?.write('go\n');
    await new Promise((resolve) => setImmediate(resolve));
    store.create(created(), instanceId());
    assert.equal(await holder.next(), 'released');
  });

  it('find a locked database that is still to be made busy, not broken', async (t) => {
    const file = join(tempFolder(t), 'project.db');
    new DatabaseSync(file).close();
    const holder = runStoreProcess(t, 'holdLock', [file]);
    assert.equal(await holder.next(), 'locked');
    assert.throws(() => openSessionStore({ file, project, busyTimeoutMs: 50 }), { code: 'STORE_BUSY' });
    holder.process.stdin?.write('go\n');
    await holder.finish();
    openSessionStore({ file, project }).close();
  });

  it('wait for another one that is about to make the same new database', async (t) => {
    const file = join(tempFolder(t), 'project.db');
    new DatabaseSync(file).close();
    const holder = runStoreProcess(t, 'holdLockFor', [file, '200']);
    assert.equal(await holder.next(), 'locked');
    assert.throws(() => openSessionStore({ file, project, busyTimeoutMs: 20 }), { code: 'STORE_BUSY' });
    const store = tempStore(t, file);
    store.create(created(), instanceId());
    assert.deepEqual(await holder.finish(), ['released']);
  });

  it('that race for a session never both get it', async (t) => {
    const store = tempStore(t);
    const dead = instanceId();
    const racers = [1, 2].map(() => runStoreProcess(t, 'raceAcquire', [store.file, dead]));
    await Promise.all(racers.map((racer) => racer.next()));
    const wins = [0, 0];
    for (let round = 0; round < 100; round++) {
      const { sessionId } = store.create(created(), dead);
      for (const racer of racers) racer.process.stdin?.write(`${sessionId}\n`);
      const answers = await Promise.all(racers.map((racer) => racer.next()));
      assert.deepEqual([...answers].sort(), ['lost', 'won 2'], `round ${round}`);
      const winner = answers.indexOf('won 2');
      wins[winner] = (wins[winner] ?? 0) + 1;
    }
    assert.equal(
      wins.reduce((sum, count) => sum + count),
      100,
    );
    t.diagnostic(`wins: ${wins.join(' to ')}`);
  });
});

describe('a process killed with SIGKILL amid its commits', () => {
  it('leaves every commit it was told of, in an intact chain', async (t) => {
    const store = tempStore(t);
    for (let round = 0; round < 5; round++) {
      const change = created();
      const lease = store.create(change, instanceId());
      const writer = runStoreProcess(t, 'commitForever', [
        store.file,
        lease.sessionId,
        lease.owner,
        String(lease.epoch),
      ]);
      let told = 0;
      for (let i = 0; i < 20 + round * 7; i++) told = Number(await writer.next());
      writer.process.kill('SIGKILL');
      for (let line = await writer.next(); line !== undefined; line = await writer.next())
        told = Number(line);
      const last = store.lastSeq(lease.sessionId);
      assert.ok(last >= told && told >= 20, `told of ${told}, stored ${last}`);
      const seqs = store.events(lease.sessionId, 0, 100_000).map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: last }, (_, index) => index + 1),
      );
      assert.equal(store.commit(lease, change.next, started(change))[0]?.seq, last + 1);
    }
    const db = new DatabaseSync(store.file, { readOnly: true });
    t.after(() => db.close());
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  });
});

describe('opening a database that is current', () => {
  it('writes nothing', (t) => {
    const file = join(tempFolder(t), 'project.db');
    openSessionStore({ file, project }).close();
    const state = () =>
      `${statSync(file).mtimeMs} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
    const before = state();
    const store = openSessionStore({ file, project });
    assert.equal(statSync(`${file}-wal`).size, 0);
    store.close();
    assert.equal(state(), before);
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { checkIntegrity } from '../../../src/infrastructure/sqlite/integrity.ts';
import { readRow } from '../../../src/infrastructure/sqlite/open-database.ts';
import { openSessionStore } from '../../../src/infrastructure/sqlite/session-store.ts';
import { runStoreProcess } from './child.ts';
import { agentRequest, created, instanceId, project, started, tempFolder, tempStore } from './samples.ts';

/** A closed database with some sessions. */
function filled(t: TestContext, sessions = 20): string {
  const file = join(tempFolder(t), 'project.db');
  const store = openSessionStore({ file, project });
  for (let i = 0; i < sessions; i++) store.create(created({ objective: 'x'.repeat(2_000) }), instanceId());
  store.close();
  return file;
}

describe('a journal that a killed process left', () => {
  /**
   * The files that `kill -9` leaves in the middle of a change without WAL, such as while the journal mode is being set.
   */
  function halfWritten(t: TestContext): string {
    const whole = filled(t);
    const db = new DatabaseSync(whole);
    // With this small cache, changes reach the disk before the commit.
    db.exec('PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE');
    db.exec("UPDATE sessions SET objective = 'lost'");
    const file = join(tempFolder(t), 'project.db');
    for (const end of ['', '-journal']) copyFileSync(whole + end, file + end);
    db.exec('ROLLBACK');
    db.close();
    return file;
  }
  const objectives = (file: string) => readRow(file, 'sessions', 'SELECT DISTINCT objective FROM sessions');

  it('is one that a connection that only reads fails on', (t) => {
    const db = new DatabaseSync(halfWritten(t), { readOnly: true });
    t.after(() => db.close());
    assert.throws(() => db.prepare('SELECT 1 FROM sessions').get(), { errcode: 776 });
  });

  it('is rolled back when the store is opened, which then works', (t) => {
    const file = halfWritten(t);
    const store = openSessionStore({ file, project });
    store.create(created({ objective: 'y' }), instanceId());
    store.close();
    assert.equal(existsSync(`${file}-journal`), false);
    assert.deepEqual({ ...readRow(file, 'sessions', 'SELECT count(*) AS n FROM sessions') }, { n: 21 });
    assert.deepEqual(
      { ...readRow(file, 'sessions', "SELECT count(*) AS n FROM sessions WHERE objective = 'lost'") },
      { n: 0 },
    );
  });

  it('is rolled back before a row is read, and before the check for damage', (t) => {
    assert.deepEqual({ ...objectives(halfWritten(t)) }, { objective: 'x'.repeat(2_000) });
    assert.equal(checkIntegrity(halfWritten(t)), null);
  });
});

describe('a damaged file', () => {
  const damages: Readonly<Record<string, (file: string) => void>> = {
    'garbage all over': (file) => writeFileSync(file, 'this is no database '.repeat(1_000)),
    'a garbage header': (file) => {
      const descriptor = openSync(file, 'r+');
      writeSync(descriptor, 'garbage!'.repeat(12), 0);
      closeSync(descriptor);
    },
    'half of it missing': (file) => truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096),
    'all but 100 bytes missing': (file) => truncateSync(file, 100),
    'a damaged catalogue': (file) => {
      const descriptor = openSync(file, 'r+');
      writeSync(descriptor, Buffer.alloc(3_900, 0xaa), 0, 3_900, 100);
      closeSync(descriptor);
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`(${name}) is told as STORE_CORRUPT and left as it is`, (t) => {
      const file = filled(t);
      damage(file);
      const before = readFileSync(file);
      assert.throws(
        () => openSessionStore({ file, project }),
        (error: NodeJS.ErrnoException) => {
          assert.equal(error.code, 'STORE_CORRUPT');
          assert.ok(error.message.includes(file) && error.message.includes('maos recover'), error.message);
          return true;
        },
      );
      assert.deepEqual(readFileSync(file), before);
    });
  }

  it('is told also where the damage shows only while reading', (t) => {
    const file = filled(t);
    const pages = statSync(file).size / 4096;
    const descriptor = openSync(file, 'r+');
    // The first pages hold the schema, which is read when the file is opened.
    for (let page = pages - 20; page < pages; page++)
      writeSync(descriptor, Buffer.alloc(4096, 0xff), 0, 4096, page * 4096);
    closeSync(descriptor);
    const store = tempStore(t, file);
    assert.throws(() => store.list({ limit: 20 }), { code: 'STORE_CORRUPT' });
    assert.throws(() => store.create(created(), instanceId()), { code: 'STORE_CORRUPT' });
  });
});

describe('without permission', () => {
  /** Root may write any file, so a process that becomes the user nobody does the work. */
  const nobody = process.getuid?.() === 0 ? 65_534 : null;
  const cases: Readonly<Record<string, (file: string) => void>> = {
    'a file that is read-only': (file) => chmodSync(file, 0o400),
    'a folder that is read-only': (file) => chmodSync(join(file, '..'), 0o500),
    'a file that is not readable': (file) => chmodSync(file, 0o000),
    'a folder that must be made in a read-only one': (file) => {
      rmSync(join(file, '..'), { recursive: true });
      chmodSync(join(file, '../..'), 0o500);
    },
  };
  for (const [name, forbid] of Object.entries(cases)) {
    it(`(${name}) says so as FORBIDDEN, with the file and what to do`, async (t) => {
      const folder = join(tempFolder(t), 'inner');
      const file = join(folder, 'project.db');
      openSessionStore({ file, project }).close();
      if (nobody !== null) {
        for (const path of [
          join(folder, '..'),
          folder,
          ...readdirSync(folder).map((entry) => join(folder, entry)),
        ]) {
          chownSync(path, nobody, nobody);
        }
      }
      const args = nobody === null ? [file] : [file, String(nobody)];
      const attempt = () => runStoreProcess(t, 'open', args, { cwd: '/' }).finish();
      assert.deepEqual(await attempt(), ['stored'], 'it works before');
      forbid(file);
      try {
        const [answer] = await attempt();
        assert.match(String(answer), /^FORBIDDEN No permission to write the database .*MAOS_HOME/);
        assert.ok(String(answer).includes(file));
      } finally {
        for (const path of [join(folder, '..'), folder]) if (existsSync(path)) chmodSync(path, 0o700);
      }
    });
  }

  it('a path that cannot hold a folder is a matter of configuration', (t) => {
    const plain = join(tempFolder(t), 'plain');
    writeFileSync(plain, '');
    assert.throws(() => openSessionStore({ file: join(plain, 'project.db'), project }), {
      code: 'CONFIG_INVALID',
      message: /MAOS_HOME/,
    });
    assert.throws(() => openSessionStore({ file: join(plain, 'deeper', 'project.db'), project }), {
      code: 'CONFIG_INVALID',
    });
  });
});

describe('a full disk', () => {
  it('fails the commit alone, and the store goes on once there is space', (t) => {
    const folder = join(tempFolder(t), 'small');
    mkdirSync(folder);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      t.skip('mounting a small tmpfs takes root on Linux');
      return;
    }
    try {
      const file = join(folder, 'project.db');
      const store = openSessionStore({ file, project });
      const owner = instanceId();
      const change = created();
      const lease = store.create(change, owner);
      const ballast = join(folder, 'ballast');
      const free = () =>
        Number(execFileSync('df', ['--output=avail', '-B1', folder], { encoding: 'utf8' }).split('\n')[1]);
      writeFileSync(ballast, Buffer.alloc(free() - 16_384));
      const big = created({ agents: [agentRequest({ task: 't'.repeat(100_000) })] });
      const full = {
        code: 'RESOURCE_LIMIT_EXCEEDED',
        message: /disk is full.*nothing was changed.*Free some space/,
      };
      assert.throws(() => store.create(big, owner), full);
      assert.throws(() => store.create(big, owner), full, 'no transaction is left open');
      assert.deepEqual(store.load(lease.sessionId), change.next, 'what was stored is there');
      assert.equal(store.list({ limit: 5 }).length, 1);
      rmSync(ballast);
      store.create(big, owner);
      store.commit(lease, change.next, started(change));
      store.close();
      const again = openSessionStore({ file, project });
      assert.deepEqual(again.load(big.next.session.id), big.next);
      assert.equal(again.lastSeq(lease.sessionId), 4);
      again.close();
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});

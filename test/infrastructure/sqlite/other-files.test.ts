import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { openInstanceRegistry } from '../../../src/infrastructure/sqlite/instance-registry.ts';
import { checkIntegrity } from '../../../src/infrastructure/sqlite/integrity.ts';
import { openSessionStore, readProjectOf } from '../../../src/infrastructure/sqlite/session-store.ts';
import { created, instanceId, project, tempFolder } from './samples.ts';

function foreign(file: string, version = 0): void {
  const db = new DatabaseSync(file);
  db.exec(`CREATE TABLE bookmarks (url); PRAGMA user_version = ${version}`);
  db.close();
}

/** Other things in the place of a database. */
const others: readonly (readonly [what: string, make: (file: string) => void, says: RegExp])[] = [
  ['a folder', (file) => mkdirSync(file), /\.db is a folder.*Move it away/],
  ['a named pipe', (file) => execFileSync('mkfifo', [file]), /\.db is a named pipe.*Move it away/],
  [
    'a named pipe for what was last written',
    (file) => {
      foreign(file);
      execFileSync('mkfifo', [`${file}-wal`]);
    },
    /\.db-wal is a named pipe.*Move it away/,
  ],
  ["another program's database", foreign, /\.db is a database, but not one of MAOS.*Move it away/],
  [
    "another program's database with a version of its own",
    (file) => foreign(file, 9_999),
    /\.db is a database, but not one of MAOS/,
  ],
  [
    'the other database of MAOS',
    (file) => {
      const other = `${file}.other`;
      if (file.endsWith('project.db')) openInstanceRegistry({ file: other }).close();
      else openSessionStore({ file: other, project }).close();
      renameSync(other, file);
    },
    /\.db is a database, but not one of MAOS/,
  ],
  ['a text', (file) => writeFileSync(file, 'no database '.repeat(500)), /\.db is damaged .*not a database/],
];

describe('where a database is expected', { skip: process.platform === 'win32' }, () => {
  for (const [what, make, says] of others) {
    it(`${what} is named, and left as it is`, (t) => {
      const expected = { code: 'STORE_CORRUPT', message: says };
      const folder = tempFolder(t);
      const file = join(folder, 'project.db');
      make(file);
      const before = statSync(file).isFile() ? readFileSync(file, 'hex') : null;
      assert.throws(() => openSessionStore({ file, project }), expected);
      assert.throws(() => readProjectOf(file), expected);
      assert.match(checkIntegrity(file) ?? '', says);
      if (before !== null) assert.equal(readFileSync(file, 'hex'), before);
      const registry = join(folder, 'instances.db');
      make(registry);
      assert.throws(() => openInstanceRegistry({ file: registry }), expected);
    });
  }

  it('an empty file is one that is being made', (t) => {
    const file = join(tempFolder(t), 'project.db');
    writeFileSync(file, '', { mode: 0o600 });
    assert.equal(readProjectOf(file), null);
    openSessionStore({ file, project }).close();
    assert.equal(readProjectOf(file), null);
  });
});

describe('a database of a newer maos', () => {
  it('is not sound', (t) => {
    const file = join(tempFolder(t), 'project.db');
    openSessionStore({ file, project }).close();
    assert.equal(checkIntegrity(file), null);
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 9999');
    db.close();
    assert.match(checkIntegrity(file) ?? '', /written by a newer version of MAOS .*9999.*Update MAOS/);
  });
});

describe('a database that others may read', { skip: process.platform === 'win32' }, () => {
  it('is closed to them, with what lies beside it, and this is said once', (t) => {
    const file = join(tempFolder(t), 'project.db');
    const first = openSessionStore({ file, project });
    t.after(() => first.close());
    first.create(created(), instanceId());
    const files = [file, `${file}-wal`, `${file}-shm`];
    for (const path of files) chmodSync(path, 0o644);
    const said: string[] = [];
    const onTightened = (path: string, mode: number) => void said.push(`${path} ${mode.toString(8)}`);
    for (let times = 0; times < 2; times++) openSessionStore({ file, project, onTightened }).close();
    assert.deepEqual(
      said,
      files.map((path) => `${path} 644`),
    );
    for (const path of files) assert.equal(statSync(path).mode & 0o777, 0o600);
    const registry = join(tempFolder(t), 'instances.db');
    openInstanceRegistry({ file: registry }).close();
    chmodSync(registry, 0o660);
    openInstanceRegistry({ file: registry, onTightened }).close();
    assert.equal(said.at(-1), `${registry} 660`);
    rmSync(registry);
  });
});

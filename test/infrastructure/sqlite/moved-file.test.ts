import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { openInstanceRegistry } from '../../../src/infrastructure/sqlite/instance-registry.ts';
import { openSessionStore } from '../../../src/infrastructure/sqlite/session-store.ts';
import { created, instanceId, later, project, started, tempFolder } from './samples.ts';

const ends = ['', '-wal', '-shm'];

function move(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  for (const end of ends) if (existsSync(from + end)) renameSync(from + end, to + end);
}

/** Changes of the file while a store has it open; `file` and `aside` are in different folders. */
const losses: readonly (readonly [what: string, lose: (file: string, aside: string) => void])[] = [
  ['moved away', move],
  ['deleted', (file) => ends.forEach((end) => void rmSync(file + end, { force: true }))],
  ['deleted without its -wal', (file) => rmSync(file)],
  ['left without its -wal', (file) => rmSync(`${file}-wal`)],
  ['moved away with its folder', (file, aside) => renameSync(dirname(file), dirname(aside))],
  [
    'replaced by a copy',
    (file, aside) => {
      copyFileSync(file, aside);
      for (const end of ends) rmSync(file + end, { force: true });
      copyFileSync(aside, file);
    },
  ],
];

describe('a database that is in use', () => {
  for (const [what, lose] of losses) {
    it(`and ${what}: nothing is stored where nobody else would find it`, (t) => {
      const folder = tempFolder(t);
      const file = join(folder, 'home', 'project.db');
      const aside = join(folder, 'aside', 'project.db');
      if (what !== 'moved away with its folder') mkdirSync(dirname(aside));
      const store = openSessionStore({ file, project });
      t.after(() => store.close());
      const change = created();
      const lease = store.create(change, instanceId());
      lose(file, aside);
      const lost = {
        code: 'STORE_CORRUPT',
        message: /project\.db.*nothing was stored.*Put it back.*maos recover/,
      };
      assert.throws(() => store.create(created(), instanceId()), lost);
      assert.throws(() => store.commit(lease, change.next, started(change)), lost);
      assert.throws(() => store.heartbeat(lease.owner, later), lost);
      assert.throws(() => store.announceExit(lease.owner), lost);
      assert.throws(() => store.release(lease), lost);
      assert.equal(store.list({ limit: 10 }).length, 1);
      assert.equal(store.summary(lease.sessionId).session.state, 'created');
    });
  }

  it('and moved away: it is used again once it is back', (t) => {
    const folder = tempFolder(t);
    const file = join(folder, 'home', 'project.db');
    const aside = join(folder, 'aside', 'project.db');
    const store = openSessionStore({ file, project });
    t.after(() => store.close());
    move(file, aside);
    assert.throws(() => store.create(created(), instanceId()), { code: 'STORE_CORRUPT' });
    move(aside, file);
    store.create(created(), instanceId());
    const other = openSessionStore({ file, project });
    t.after(() => other.close());
    assert.equal(other.list({ limit: 10 }).length, 1);
  });

  it('holds for the registry as well', (t) => {
    const file = join(tempFolder(t), 'instances.db');
    const registry = openInstanceRegistry({ file });
    t.after(() => registry.close());
    for (const end of ends) rmSync(file + end);
    assert.equal(registry.isLost, true);
    assert.throws(() => registry.heartbeat(instanceId(), later), { code: 'STORE_CORRUPT' });
  });
});

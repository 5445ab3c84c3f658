import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { logPath, pruneLogs } from '../../../src/infrastructure/logging/prune.ts';

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'maos-prune-'));
  folder = join(home, 'logs');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const name = (index: number): string => `inst_01K0ABCDEFGHJKMNPQRSTVWX${String(index).padStart(2, '0')}`;

/** Logs 1 to `count`, oldest first. */
async function logs(count: number, bytes: (index: number) => number = () => 10): Promise<void> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(folder);
  for (let index = 1; index <= count; index++) {
    writeFileSync(logPath(home, name(index)), Buffer.alloc(bytes(index)));
    utimesSync(logPath(home, name(index)), index * 1_000, index * 1_000);
  }
}

const left = (): number[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith('inst_'))
    .map((file) => Number(file.slice(-6, -4)))
    .sort((a, b) => a - b);

describe('pruning logs', () => {
  it('keeps the newest files', async () => {
    await logs(6);
    const removed = await pruneLogs({ folder, maxFiles: 4, maxBytes: 1_000 });
    assert.deepEqual(removed, [logPath(home, name(2)), logPath(home, name(1))]);
    assert.deepEqual(left(), [3, 4, 5, 6]);
    assert.deepEqual(await pruneLogs({ folder, maxFiles: 4, maxBytes: 1_000 }), []);
  });

  it('keeps the newest bytes, without gaps in time', async () => {
    await logs(5, (index) => (index === 3 ? 100 : 10));
    await pruneLogs({ folder, maxFiles: 10, maxBytes: 60 });
    assert.deepEqual(left(), [4, 5]);
  });

  it('does not touch logs being written, which count first', async () => {
    await logs(5);
    await pruneLogs({ folder, maxFiles: 2, maxBytes: 1_000, keep: new Set([logPath(home, name(1))]) });
    assert.deepEqual(left(), [1, 5]);
  });

  it('only tells in a dry run', async () => {
    await logs(3);
    assert.equal((await pruneLogs({ folder, maxFiles: 1, maxBytes: 1_000, dryRun: true })).length, 2);
    assert.deepEqual(left(), [1, 2, 3]);
  });

  it('touches nothing else, and needs no folder', async () => {
    assert.deepEqual(await pruneLogs({ folder, maxFiles: 1, maxBytes: 1 }), []);
    await logs(1);
    writeFileSync(join(folder, 'notes.log'), 'x');
    writeFileSync(join(folder, `${name(9)}.log.bak`), 'x');
    symlinkSync(join(folder, 'notes.log'), logPath(home, name(8)));
    await pruneLogs({ folder, maxFiles: 1, maxBytes: 0 });
    assert.deepEqual(
      readdirSync(folder).sort(),
      [`${name(8)}.log`, `${name(9)}.log.bak`, 'notes.log'].sort(),
    );
  });
});

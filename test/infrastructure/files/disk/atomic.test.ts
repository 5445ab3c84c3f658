import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import { isTemporaryName, writeFileAtomic } from '../../../../src/infrastructure/files/disk/atomic.ts';
import { giveTimeTo } from '../../../helpers/waiting.ts';
import { withSmallDisk } from '../small-disk.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-atomic-'));
after(() => rmSync(root, { recursive: true, force: true }));

describe('an atomic write', () => {
  it('makes and replaces a file that only its user reads', async () => {
    const path = join(root, 'new.json');
    await writeFileAtomic(path, 'one');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    chmodSync(path, 0o644);
    await writeFileAtomic(path, new TextEncoder().encode('two'));
    assert.equal(readFileSync(path, 'utf8'), 'two');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await writeFileAtomic(path, 'three', { mode: 0o644 });
    assert.equal(statSync(path).mode & 0o777, 0o644);
  });

  it('replaces a link instead of writing through it', async () => {
    const target = join(root, 'target');
    writeFileSync(target, 'untouched');
    symlinkSync(target, join(root, 'link'));
    await writeFileAtomic(join(root, 'link'), 'new');
    assert.equal(readFileSync(target, 'utf8'), 'untouched');
    assert.equal(readFileSync(join(root, 'link'), 'utf8'), 'new');
  });

  it('leaves neither a temporary file nor a half-written one when it fails', async () => {
    const folder = join(root, 'failing');
    mkdirSync(join(folder, 'taken', 'inside'), { recursive: true });
    // A folder with contents cannot be replaced, so the rename fails after the temporary file was written.
    await assert.rejects(writeFileAtomic(join(folder, 'taken'), 'x'), (error) => {
      return (
        isMaosError(error, 'INVALID_INPUT') && error.message.includes(JSON.stringify(join(folder, 'taken')))
      );
    });
    assert.deepEqual(readdirSync(folder), ['taken']);
    await assert.rejects(writeFileAtomic(join(root, 'missing', 'file'), 'x'), { code: 'INVALID_INPUT' });
  });

  it('leaves one of many contents when written at the same time', async () => {
    const path = join(root, 'raced.json');
    const contents = Array.from({ length: 20 }, (_, index) =>
      JSON.stringify({ index, pad: 'x'.repeat(index * 500) }),
    );
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
    assert.ok(contents.includes(readFileSync(path, 'utf8')));
    assert.deepEqual(readdirSync(root).filter(isTemporaryName), []);
  });

  it('shows the old or the new content after kill -9 at any moment', { timeout: 120_000 }, async () => {
    const path = join(root, 'killed.json');
    const writer = `
      import { writeFileAtomic } from ${JSON.stringify(import.meta.resolve('../../../../src/infrastructure/files/disk/atomic.ts'))};
      const content = (count) => JSON.stringify({ count, pad: 'x'.repeat(300_000), again: count });
      for (let count = 0; ; count++) {
        await writeFileAtomic(process.argv[1], content(count));
        if (count === 0) process.send('writing');
      }`;
    let whole = 0;
    for (let round = 0; round < 12; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', writer, path], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      await once(child, 'message');
      await giveTimeTo('get anywhere within the next few writes', Math.random() * 25);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const { count, again, pad } = JSON.parse(readFileSync(path, 'utf8'));
      assert.equal(count, again);
      assert.equal(pad.length, 300_000);
      whole += 1;
    }
    assert.equal(whole, 12);
    // The files that a kill leaves can be recognized.
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith('.killed.json') && !isTemporaryName(name)),
      [],
    );
  });

  it('keeps the old content on a full disk and says so', async (t) => {
    await withSmallDisk(t, async (folder) => {
      const path = join(folder, 'full.json');
      await writeFileAtomic(path, 'old');
      await assert.rejects(writeFileAtomic(path, Buffer.alloc(1_000_000)), (error) => {
        return (
          isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED') &&
          error.message.includes(JSON.stringify(path)) &&
          /disk is full/.test(error.message)
        );
      });
      assert.equal(readFileSync(path, 'utf8'), 'old');
      assert.deepEqual(readdirSync(folder), ['full.json']);
      await writeFileAtomic(path, 'fits again');
      assert.equal(readFileSync(path, 'utf8'), 'fits again');
    });
  });

  it('knows its temporary files by name', () => {
    assert.ok(isTemporaryName('.spec.md.0123456789ab.tmp'));
    for (const name of [
      'spec.md',
      '.hidden',
      'a.tmp',
      '.a.tmp',
      '.spec.md.0123456789AB.tmp',
      '.0123456789ab.tmp',
    ]) {
      assert.ok(!isTemporaryName(name), name);
    }
  });
});

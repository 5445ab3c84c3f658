import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atNextBeat } from '../../../src/infrastructure/process/host/beat.ts';

const beat = join(import.meta.dirname, '../../../src/infrastructure/process/host/beat.ts');

describe('a beat', () => {
  it('calls everybody who waits for it once, except who has called it off', async () => {
    const called: string[] = [];
    await new Promise<void>((resolve) => {
      atNextBeat(5, () => called.push('first'));
      atNextBeat(5, () => called.push('called off'))();
      atNextBeat(5, () => {
        called.push('last');
        resolve();
      });
    });
    assert.deepEqual(called, ['first', 'last']);
  });

  it('comes again for who waits after the only one has called it off', async () => {
    atNextBeat(6, () => assert.fail('it was called off'))();
    await new Promise<void>((resolve) => {
      atNextBeat(6, resolve);
    });
  });

  it('keeps no process alive that nobody waits in', () => {
    const program = `import { atNextBeat } from ${JSON.stringify(beat)};
      const [first, second] = [1, 2].map(() => atNextBeat(3_600_000, () => {}));
      first();
      second();
      second();`;
    const args = ['--input-type=module', '--eval', program];
    const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit', timeout: 60_000 });
    assert.deepEqual({ status, signal }, { status: 0, signal: null });
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Checkout } from '../../../src/application/ports/workspaces.ts';
import { noSetup } from '../../../src/domain/worktree.ts';
import { until } from '../../helpers/waiting.ts';
import { ScratchRepository } from './scratch-repository.ts';

let scratch: ScratchRepository;
/** A program that tells its process id there, and takes long. */
let mark: string;
let slow: string;
beforeEach(() => {
  scratch = new ScratchRepository('repository', {
    'a.txt': 'one\n',
    '.gitattributes': '*.txt filter=slow\n',
  });
  mark = join(scratch.root, 'mark');
  slow = `echo $$ > ${mark}; exec sleep 600`;
});
afterEach(() => scratch.remove());

const head = (): string => scratch.git('rev-parse', 'HEAD');
const userConfig = (): string => join(scratch.root, 'global-config');

function isRunning(pid: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** Calls the making off in the middle of its slow program, and looks that nothing is left of both. */
async function callOff(folder: string, make: (signal: AbortSignal) => Promise<Checkout>): Promise<void> {
  const calledOff = new AbortController();
  const making = make(calledOff.signal);
  making.catch(() => {});
  const pid = await until(
    () => (existsSync(mark) ? readFileSync(mark, 'utf8').trim() : null),
    'the slow program',
  );
  calledOff.abort(new Error('called off'));
  await assert.rejects(making, /^Error: called off$/);
  await until(() => !isRunning(pid), 'the end of the slow program');
  const left = readdirSync(dirname(folder)).filter((name) => !name.endsWith('.log'));
  assert.deepEqual(left, []);
  assert.ok(!existsSync(join(scratch.folder, '.git/worktrees')));
  rmSync(mark);
}

describe('the making of a worktree that is called off', () => {
  for (const slowest of ['a filter of the user', 'setup'] as const) {
    it(`ends ${slowest}, and leaves nothing`, async () => {
      const place = scratch.place();
      const config = readFileSync(userConfig(), 'utf8');
      const setup = slowest === 'setup' ? { ...noSetup, setup: slow } : null;
      if (setup === null) appendFileSync(userConfig(), `[filter "slow"]\n\tsmudge = "${slow}"\n`);
      const { layout, workspaces } = scratch;
      const { sessionId, agentId } = place;
      const open = (signal?: AbortSignal) => workspaces.open(place, head(), setup, undefined, signal);
      await callOff(layout.worktree(sessionId, agentId), open);
      const check = (signal?: AbortSignal) => workspaces.checkOut(place, head(), 1, setup, [], signal);
      await callOff(layout.checkTree(sessionId, agentId, 1), check);

      rmSync(userConfig());
      appendFileSync(userConfig(), config);
      const { folder } = await workspaces.open(place, head(), null);
      assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
    });
  }

  it('leaves a worktree that is there as it is', async () => {
    const place = scratch.place();
    const { folder } = await scratch.workspaces.open(place, head(), null);
    scratch.write('a.txt', 'work\n', folder);
    await scratch.workspaces.open(place, head(), null, undefined, AbortSignal.abort()).catch(() => {});
    assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), ' M a.txt');
  });
});

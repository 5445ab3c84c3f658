import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import { countForks, type PidCounts } from '../../../../src/infrastructure/process/tree/pid-order.ts';
import { probeSince } from '../../../../src/infrastructure/process/tree/pid-probe.ts';

const skip = process.platform === 'linux' ? false : 'procfs is of Linux';

async function start(t: TestContext, program: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

/** Returns each number once, like the system; then repeats the last one. */
function countsWith(lastPids: readonly number[], forks: number): () => PidCounts {
  let asked = 0;
  return () => {
    const lastPid = lastPids[Math.min(asked++, lastPids.length - 1)] as number;
    return { lastPid, threads: 10_000, forks: forks + 10_000, pidMax: 4_194_304 };
  };
}

suite('asking for the pids given since a process', { skip }, () => {
  test('finds what runs, without its threads', async (t) => {
    const forks = countForks();
    const child = await start(
      t,
      process.execPath,
      '-e',
      'process.stdout.write("."); setInterval(() => {}, 1e6)',
    );
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const pid = child.pid as number;
    const threads = readdirSync(`/proc/${pid}/task`).map(Number);
    assert.ok(threads.length > 1);
    const found = probeSince({ pid, forks }, countsWith([Math.max(...threads)], forks)) ?? [];
    const family = found.filter((entry) => threads.includes(entry.pid));
    assert.deepEqual(
      family.map((entry) => [entry.pid, entry.ppid]),
      [[pid, process.pid]],
    );
  });

  test('asks again for what began meanwhile', async (t) => {
    const forks = countForks();
    const first = (await start(t, 'sleep', '60')).pid as number;
    const second = (await start(t, 'sleep', '60')).pid as number;
    const found = probeSince({ pid: first, forks }, countsWith([first, second], forks)) ?? [];
    assert.deepEqual(
      found.filter(({ ppid }) => ppid === process.pid).map(({ pid }) => pid),
      [first, second],
    );
  });

  test('leaves it to a listing where there are too many, or always another', () => {
    const since = { pid: 1_000_000, forks: 0 };
    assert.equal(probeSince(since, countsWith([1_000_200], 0)), null);
    assert.equal(
      probeSince(
        since,
        countsWith(
          [1, 2, 3, 4, 5, 6].map((n) => since.pid + n),
          0,
        ),
      ),
      null,
    );
    assert.equal(probeSince(since, countsWith([999_999], 0)), null, 'pids may have come round');
  });
});

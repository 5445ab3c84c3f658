import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import {
  findPlace,
  identify,
  mayRunUnseen,
  placeName,
  sight,
} from '../../../../src/infrastructure/process/tree/identity.ts';
import { parseProcStat } from '../../../../src/infrastructure/process/tree/proc-stat.ts';
import { parseCpuTime } from '../../../../src/infrastructure/process/tree/ps-command.ts';

suite('the identity of a process', () => {
  test('stays the same while it lives', async () => {
    const identity = await identify(process.pid);
    assert.ok(identity !== null);
    assert.deepEqual(await identify(process.pid), identity);
    assert.equal(await sight(identity), 'alive');
  });

  test('is not that of a process with its pid, but another start', async () => {
    const identity = await identify(process.pid);
    assert.ok(identity !== null);
    assert.equal(await sight({ ...identity, startTime: `${identity.startTime}1` }), 'gone');
  });

  test('says nothing of a process of another boot, host or process namespace: it cannot be seen', async () => {
    const identity = await identify(process.pid);
    assert.ok(identity !== null);
    const elsewhere = [{ bootId: 'another' }, { place: 'another 4026531836' }, { place: null }];
    for (const place of elsewhere) {
      for (const pid of [identity.pid, 2 ** 22 - 1]) {
        assert.equal(
          await sight({ ...identity, ...place, pid }),
          'unseen',
          JSON.stringify({ pid, ...place }),
        );
      }
    }
  });

  test('an agent may run unseen in another namespace or on another host, not since before this boot', async () => {
    const here = await findPlace();
    const [host] = (here.place ?? '').split(' ');
    const mayRun = (bootId: string, place: string) => mayRunUnseen(placeName({ bootId, place }), here);
    assert.equal(mayRunUnseen(placeName(here), here), false);
    assert.equal(mayRunUnseen(null, here), false, 'started by a version that did not write it down');
    assert.equal(mayRun(here.bootId, `${host} 1`), true);
    assert.equal(mayRun(here.bootId, 'another 1'), true);
    assert.equal(mayRun('another', 'another 1'), true);
    assert.equal(mayRun('another', `${host} 1`), false);
  });

  test('ends with it', async () => {
    const child = spawn('sleep', ['60']);
    const identity = await identify(child.pid as number);
    assert.ok(identity !== null);
    assert.equal(await sight(identity), 'alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await sight(identity), 'gone');
    assert.equal(await identify(identity.pid), null);
  });

  test('a zombie is not alive', async (t) => {
    // The shell becomes a program that never reaps its child.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60']);
    t.after(() => parent.kill('SIGKILL'));
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    let identity = await identify(pid);
    for (; identity !== null && (await sight(identity)) === 'alive'; identity = await identify(pid));
    assert.ok(identity !== null, 'it is still there');
    assert.equal(await sight(identity), 'gone');
  });
});

test('a line of /proc/PID/stat is read whatever the name of the program', () => {
  const units = { pageBytes: 16_384, ticksPerSecond: 250 };
  const rest =
    'S 1 42 41 0 -1 4194304 0 0 0 0 1 20 300 4000 20 0 1 0 987654 0 7 18446744073709551615 1 2 140724';
  for (const name of ['sh', 'a b', ') S 9 (', '((', ')']) {
    assert.deepEqual(parseProcStat(`43 (${name}) ${rest}\n`, units), {
      pid: 43,
      ppid: 1,
      pgid: 42,
      sid: 41,
      start: 987654,
      state: 'live',
      cpuMs: 4321 * 4,
      memoryBytes: 7 * 16_384,
      stack: 140_724,
    });
  }
  const states = { R: 'live', I: 'live', T: 'stopped', t: 'stopped', D: 'blocked', Z: 'zombie', X: 'zombie' };
  for (const [letter, state] of Object.entries(states)) {
    assert.equal(parseProcStat(`43 (sh) ${rest.replace('S', letter)}`, units)?.state, state);
  }
  const exiting = rest.replace('4194304', String(4194304 | 4));
  for (const [letter, state] of Object.entries({ R: 'exiting', D: 'exiting', Z: 'zombie', X: 'zombie' })) {
    assert.equal(parseProcStat(`43 (sh) ${exiting.replace('S', letter)}`, units)?.state, state);
  }
  assert.equal(parseProcStat('', units), null);
});

test("times of ps are read in every system's way", () => {
  const times = { '00:00:07': 7_000, '1-02:03:04': 93_784_000, '0:00.03': 30, '12:34.56': 754_560, '': 0 };
  for (const [text, ms] of Object.entries(times)) assert.equal(parseCpuTime(text), ms, text);
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { freemem, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type Machine, makeMachine } from '../../../../src/infrastructure/process/tree/machine.ts';

const mib = 1024 * 1024;

/** A Linux machine with 8,000 MiB available and these control group files, by path below /sys/fs/cgroup. */
async function linux(t: TestContext, membership: string, groups: Record<string, string>): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'maos-machine-'));
  t.after(() => rm(folder, { recursive: true }));
  const files = {
    'proc/meminfo': `MemTotal:       16384000 kB\nMemFree:          100000 kB\nMemAvailable:    8192000 kB\n`,
    'proc/self/cgroup': membership,
    ...Object.fromEntries(Object.entries(groups).map(([name, text]) => [`cgroup/${name}`, text])),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return makeMachine({ platform: 'linux', proc: join(folder, 'proc'), cgroups: join(folder, 'cgroup') });
}

suite('free memory', () => {
  test('of this machine is more than none, and not more than all', () => {
    const machine = makeMachine();
    assert.ok(machine.freeMemoryMb() > 16, `${machine.freeMemoryMb()} MiB`);
    assert.ok(machine.freeMemoryMb() <= machine.totalMemoryMb());
    assert.ok(machine.totalMemoryMb() <= totalmem() / mib);
  });

  test('on Linux is what is available, file cache included', async (t) => {
    assert.equal((await linux(t, '0::/\n', {})).freeMemoryMb(), 8_000);
  });

  test('in a control group is what its limit leaves; its inactive file cache is free', async (t) => {
    const machine = await linux(t, '0::/\n', {
      'memory.max': `${1_000 * mib}\n`,
      'memory.high': 'max\n',
      'memory.current': `${900 * mib}\n`,
      'memory.stat': `anon 1\nactive_file 7\ninactive_file ${300 * mib}\n`,
    });
    assert.equal(machine.freeMemoryMb(), 400);
    assert.equal(machine.totalMemoryMb(), 1_000);
  });

  test('is limited by the groups above too, and by memory.high', async (t) => {
    const machine = await linux(t, '0::/user.slice/maos.scope\n', {
      'user.slice/memory.max': 'max\n',
      'user.slice/memory.high': `${700 * mib}\n`,
      'user.slice/memory.current': `${200 * mib}\n`,
      'user.slice/maos.scope/memory.max': `${2_000 * mib}\n`,
      'user.slice/maos.scope/memory.current': `${100 * mib}\n`,
    });
    assert.equal(machine.freeMemoryMb(), 500);
  });

  test('a group above its limit leaves nothing, not less', async (t) => {
    const machine = await linux(t, '0::/\n', {
      'memory.high': `${100 * mib}\n`,
      'memory.current': `${120 * mib}\n`,
    });
    assert.equal(machine.freeMemoryMb(), 0);
  });

  test('in version 1, and with the path of a host that is not there', async (t) => {
    const machine = await linux(t, '4:cpu,memory:/docker/abc\n0::/\n', {
      'memory/memory.limit_in_bytes': `${512 * mib}\n`,
      'memory/memory.usage_in_bytes': `${500 * mib}\n`,
      'memory/memory.stat': `inactive_file 5\ntotal_inactive_file ${100 * mib}\n`,
    });
    assert.equal(machine.freeMemoryMb(), 112);
  });

  test('version 1 without a limit', async (t) => {
    const machine = await linux(t, '4:memory:/\n', {
      'memory/memory.limit_in_bytes': '9223372036854771712\n',
      'memory/memory.usage_in_bytes': `${500 * mib}\n`,
    });
    assert.equal(machine.freeMemoryMb(), 8_000);
  });

  test('on macOS counts what the system gives back at once, and asks rarely', () => {
    let asked = 0;
    const vmStat = (): string => {
      asked++;
      return [
        'Mach Virtual Memory Statistics: (page size of 16384 bytes)',
        'Pages free:                               6400.',
        'Pages active:                           400000.',
        'Pages inactive:                          64000.',
        'Pages speculative:                         640.',
        'Pages wired down:                       100000.',
        'Pages purgeable:                            64.',
        '"Translation faults":                 12345678.',
      ].join('\n');
    };
    const machine = makeMachine({ platform: 'darwin', vmStat });
    assert.equal(machine.freeMemoryMb(), (6_400 + 64_000 + 640 + 64) / 64);
    machine.freeMemoryMb();
    assert.equal(asked, 1);
  });

  test('falls back on what Node knows', () => {
    const machine = makeMachine({ platform: 'darwin', vmStat: () => '' });
    // Other processes use memory in the meantime.
    const [before, told, after] = [freemem() / mib, machine.freeMemoryMb(), freemem() / mib];
    assert.ok(told > Math.min(before, after) - 500 && told < Math.max(before, after) + 500, `${told} MiB`);
  });
});

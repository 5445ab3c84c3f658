import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { smallDisk } from '../helpers/small-disk.ts';
import { EngineBench } from './engine-bench.ts';

/** Fills the disk. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  for (let size = 65_536; size >= 1; ) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      // Too large for the remaining space; a smaller size may fit.
      size = Math.floor(size / 16);
    }
  }
  closeSync(file);
}

it('a disk that is full while no maos runs: everything is read, and gc makes room', async (t) => {
  const disk = smallDisk(t, 3_000);
  if (disk === null) return;
  const bench = new EngineBench(t, join(disk, 'home'));
  const output = 'head -c 50000 /dev/zero | tr "\\0" x';
  for (const name of ['one', 'two', 'three']) {
    const { status, stderr } = await bench.run(['run', name, '-x', `a=${output}`]);
    assert.equal(status, 0, stderr);
  }
  assert.ok(!existsSync(`${bench.database}-shm`), 'nobody has it open');
  fill(join(disk, 'ballast'));
  const { sessions } = JSON.parse((await bench.run(['list', '--json'])).stdout) as {
    sessions: readonly { session_id: string }[];
  };
  assert.equal(sessions.length, 3);
  const [newest = assert.fail()] = sessions;
  for (const [args, says] of [
    [['list', '--all'], newest.session_id],
    [['status', 'latest'], newest.session_id],
    [['events', 'latest'], 'session.completed'],
    [['logs', 'latest'], 'xxx'],
  ] as const) {
    const { status, stdout, stderr } = await bench.run(args);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    assert.ok(stdout.includes(says), `${args.join(' ')} does not say ${says}`);
  }
  const dry = await bench.run(['gc', '--dry-run', '--max-sessions', '1']);
  assert.match(dry.stdout, /2 sessions .* would be removed, 1 kept/, dry.stderr);
  assert.equal(await bench.sessions(), 3);
  const gc = await bench.run(['gc', '--max-sessions', '1']);
  assert.equal(gc.status, 0, gc.stderr);
  assert.match(gc.stdout, /2 sessions .* removed, 1 kept/);
  assert.equal(await bench.sessions(), 1);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';

it('a shifted clock is apart from the true one, can be set while a process runs, and leaves the past alone', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'maos-clock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = join(folder, 'clock');
  writeFileSync(clock, '3600000');
  const preload = new URL('fixtures/shifted-clock.mjs', import.meta.url).href;
  const script = `
    const times = [Date.now(), new Date().getTime()];
    fs.writeFileSync(process.env.MAOS_CHAOS_CLOCK, '-3600000');
    const until = performance.now() + 200;
    while (performance.now() < until);
    console.log(JSON.stringify([...times, Date.parse(new Date().toISOString()), new Date(7).getTime()]));`;
  const before = Date.now();
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    env: { NODE_OPTIONS: `--import=${preload}`, MAOS_CHAOS_CLOCK: clock },
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const hours = JSON.parse(stdout).map((time: number) => Math.round((time - before) / 3_600_000));
  assert.deepEqual(hours.slice(0, 3), [1, 1, -1]);
  assert.equal(JSON.parse(stdout)[3], 7);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/infrastructure/clock.ts';
import { giveTimeTo } from '../helpers/waiting.ts';

describe('the system clock', () => {
  it('tells the time in UTC with milliseconds', () => {
    const before = Date.now();
    const now = systemClock.now();
    assert.match(now, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(now) >= before && Date.parse(now) <= Date.now());
  });

  it('calls back once after the time', async () => {
    const started = performance.now();
    // Keeps the process running, because the tested timer must not.
    const alive = setInterval(() => undefined, 1_000);
    let calls = 0;
    await new Promise<void>((resolve) => {
      systemClock.after(30, () => {
        calls += 1;
        resolve();
      });
    });
    clearInterval(alive);
    assert.ok(performance.now() - started >= 29);
    assert.equal(calls, 1);
  });

  it('does not call back when called off, nor at once for a delay beyond 24.8 days', async () => {
    const calls: string[] = [];
    systemClock.after(1, () => calls.push('called off'))();
    const stop = systemClock.after(2 ** 31 + 1_000, () => calls.push('too early'));
    await giveTimeTo('call back', 50);
    stop();
    assert.deepEqual(calls, []);
  });

  it('takes a delay below zero for none', async () => {
    const alive = setInterval(() => undefined, 1_000);
    await new Promise<void>((resolve) => systemClock.after(-5, resolve));
    clearInterval(alive);
  });

  it('does not keep the process alive', () => {
    const script = `
      import { systemClock } from ${JSON.stringify(import.meta.resolve('../../src/infrastructure/clock.ts'))};
      systemClock.after(60_000, () => undefined);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    assert.equal(child.status, 0);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { giveTimeTo } from '../../../helpers/waiting.ts';
import { makeBench, program, rareSeconds } from '../test-bench.ts';

const day = 86_400_000;

for (const [name, jump] of [
  ['forwards', day],
  ['backwards', -day],
] as const) {
  test(`a clock that jumps a day ${name} takes nothing from the time to end, and adds nothing`, async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start(program('ignore-term.sh'), [rareSeconds()]);
    await bench.output.heard('ready');
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + jump });
    const sample = await running.sample();
    assert.ok(sample !== null && sample.cpuMs >= 0 && sample.cpuMs < 5_000);
    const startedAt = performance.now();
    const stopped = running.stop(700);
    await giveTimeTo('be within the time to end when the clock jumps', 100);
    t.mock.timers.setTime(Date.now() + jump);
    const report = await stopped;
    const tookMs = performance.now() - startedAt;
    // The system clock would give a day more, or none.
    assert.ok(report.tookMs >= 699 && report.tookMs <= tookMs + 1, `${report.tookMs} of ${tookMs} ms told`);
    assert.deepEqual(report.signals, ['SIGTERM', 'SIGCONT', 'SIGKILL']);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.signal, 'SIGKILL');
    t.mock.timers.reset();
  });
}

test('an agent is suspended and told from others whatever the clock says', async (t) => {
  const bench = await makeBench(t);
  const running = await bench.start(program('polite.sh'), [rareSeconds()]);
  await bench.output.heard('ready');
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() - day });
  await running.suspend();
  const adopted = await bench.attach();
  assert.equal(adopted.location.data.startTime, running.location.data.startTime);
  await adopted.resume();
  await adopted.stop(3_600_000);
  const end = await running.ended;
  assert.equal(end.how === 'exited' && end.exitCode, 3);
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite, type TestContext, test } from 'node:test';
import { Script } from 'node:vm';
import { type Engine, giveBackMemoryAtRest, thisProcess } from '../../src/infrastructure/memory-at-rest.ts';

const mb = 2 ** 20;

function bench(t: TestContext, startMb = 20) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let heapBytes = startMb * mb;
  let cpuMs = 0;
  let collected = 0;
  const engine: Engine = {
    heapBytes: () => heapBytes,
    cpuMs: () => cpuMs,
    collect() {
      collected += 1;
      heapBytes = 25 * mb;
    },
  };
  t.after(giveBackMemoryAtRest(engine, 1_000));
  /** Number of collections after a second with this CPU time and heap. */
  return (usedMs: number, toMb: number): number => {
    cpuMs += usedMs;
    heapBytes = toMb * mb;
    t.mock.timers.tick(1_000);
    return collected;
  };
}

suite('memory at rest', () => {
  test('is given back once after a burst, not during it', (t) => {
    const second = bench(t);
    assert.equal(second(900, 100), 0, 'busy');
    assert.equal(second(10, 100), 1, 'at rest');
    assert.equal(second(10, 30), 1, 'lean');
    assert.equal(second(900, 90), 1, 'busy again');
    assert.equal(second(10, 90), 2);
  });

  test('is given back too where the burst had begun before', (t) => {
    const second = bench(t, 80);
    assert.equal(second(900, 80), 0, 'busy');
    assert.equal(second(10, 80), 1, 'at rest');
  });

  test('stays where there is little to give', (t) => {
    const second = bench(t);
    assert.equal(second(0, 30), 0);
  });

  test('is what the heap of this process does not need', () => {
    let ballast: unknown[] | null = Array.from({ length: 500_000 }, (_, index) => ({ index }));
    const full = thisProcess.heapBytes();
    assert.equal(ballast.length, 500_000);
    ballast = null;
    thisProcess.collect();
    assert.ok(full - thisProcess.heapBytes() > 5 * mb, `${full} to ${thisProcess.heapBytes()}`);
  });

  // V8 compares its options, and refuses code that was compiled with others.
  test('is given back without spoiling the compiled code that this process saves for others', () => {
    thisProcess.collect();
    const saved = new Script('1').createCachedData().toString('base64');
    const load = `new vm.Script('1', { cachedData: Buffer.from('${saved}', 'base64') }).cachedDataRejected`;
    const { stdout } = spawnSync(process.execPath, ['-p', load], { encoding: 'utf8' });
    assert.equal(stdout, 'false\n');
  });
});

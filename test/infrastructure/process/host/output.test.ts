import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { makeBench, program } from '../test-bench.ts';

suite('output', { concurrency: 2 }, () => {
  test('20 MB arrive in order, whole, while memory stays flat', async (t) => {
    const bench = await makeBench(t);
    const before = process.memoryUsage().rss;
    let peak = 0;
    let bytes = 0;
    let largest = 0;
    const hash = createHash('sha256');
    bench.output.stdout = (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
      largest = Math.max(largest, chunk.length);
      peak = Math.max(peak, process.memoryUsage().rss);
    };
    await (await bench.start(process.execPath, [program('write-lines.mjs'), '20000000'])).ended;
    const file = await readFile(join(bench.folder, 'stdout.log'));
    assert.ok(bytes >= 20_000_000);
    assert.equal(hash.digest('hex'), createHash('sha256').update(file).digest('hex'));
    assert.ok(largest <= 65_536, `a piece of ${largest} bytes`);
    assert.ok(peak - before < 60e6, `${Math.round((peak - before) / 1e6)} MB more`);
  });

  test('one endless line of bytes that are no text arrives as it was written', async (t) => {
    const bench = await makeBench(t);
    await (await bench.start(process.execPath, [program('write-bytes.mjs'), '3000000'])).ended;
    const { bytes } = bench.output;
    assert.equal(bytes.length, 3_000_000);
    assert.ok(bytes.equals(await readFile(join(bench.folder, 'stdout.log'))));
    assert.ok(!bytes.includes(10));
  });

  test('is heard while the agent runs, as it is written', async (t) => {
    const bench = await makeBench(t);
    const print = 'setInterval(() => console.log("line"), 30)';
    const running = await bench.start(process.execPath, ['-e', print]);
    const lines: number[] = [];
    await new Promise<void>((resolve) => {
      bench.output.stdout = (chunk) => {
        lines.push(Buffer.from(chunk).toString().trim().split('\n').length);
        if (lines.length === 20) resolve();
      };
    });
    await running.stop(1_000);
    // Polling without events would receive about thirty at a time.
    assert.ok(lines.filter((count) => count <= 5).length > 2, `${lines.join(' ')} lines`);
  });

  test('that somebody cut short ends there; the run goes on', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('sh', ['-c', 'echo a long first line; read x; exit 6'], {
      stdin: 'none',
    });
    await bench.output.heard('line');
    await truncate(join(bench.folder, 'stdout.log'), 0);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 6);
    assert.equal(bench.output.text, 'a long first line\n');
  });

  test('of a file that was moved away is still delivered', async (t) => {
    const bench = await makeBench(t);
    const script = 'echo one; while [ -e stdout.log ]; do sleep 0.01; done; echo two';
    const running = await bench.start('sh', ['-c', script]);
    await bench.output.heard('one');
    await rename(join(bench.folder, 'stdout.log'), join(bench.folder, 'moved.log'));
    await running.ended;
    assert.equal(bench.output.text, 'one\ntwo\n');
  });

  test('is read on, and the end told, when its receiver fails', async (t) => {
    const bench = await makeBench(t);
    bench.output.stdout = () => {
      throw new Error('parser bug');
    };
    const end = await (await bench.start('sh', ['-c', 'echo a; sleep 0.1; echo b'])).ended;
    assert.equal(end.how === 'exited' && end.exitCode, 0);
    assert.equal(bench.logged.filter((line) => line.includes('parser bug')).length, 1);
  });
});

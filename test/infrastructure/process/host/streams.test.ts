import assert from 'node:assert/strict';
import fs from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Collector, makeBench, rareSeconds } from '../test-bench.ts';

suite('what a program prints', { concurrency: 2 }, () => {
  for (const [stream, file] of [
    ['/dev/stdout', 'stdout.log'],
    ['/dev/stderr', 'stderr.log'],
  ] as const) {
    test(`to ${stream}, opened anew, comes behind what it printed before`, async (t) => {
      const bench = await makeBench(t);
      const print = `echo step 1 >>${stream}; echo VERDICT >${stream}; echo step 3 >>${stream}`;
      const end = await (await bench.start('sh', ['-c', print])).ended;
      assert.equal(end.how === 'exited' && end.exitCode, 0);
      assert.equal(await readFile(join(bench.folder, file), 'utf8'), 'step 1\nVERDICT\nstep 3\n');
    });
  }

  test('is not cut by the next attempt that opens /dev/stdout anew', async (t) => {
    const bench = await makeBench(t);
    await (await bench.start('sh', ['-c', 'echo a long first attempt'])).ended;
    const second = new Collector();
    const launch = { program: 'sh', args: ['-c', 'echo 2 >/dev/stdout'], env: {}, stdin: 'none' } as const;
    const spec = { ...launch, cwd: bench.folder };
    await (await bench.host.start({ ...bench.key, attempt: 2 }, bench.agent, spec, second)).ended;
    assert.equal(second.text, '2\n');
    assert.equal(await readFile(join(bench.folder, 'stdout.log'), 'utf8'), 'a long first attempt\n2\n');
  });

  test('last is not lost when it is stopped, politely or by force', async (t) => {
    const flood = `trap 'exit 3' TERM; echo ready; while :; do echo "$i"; i=$((i+1)); done`;
    for (const [name, script, graceMs] of [
      ['politely', flood.replace('exit 3', 'echo; echo last words; exit 3'), 20_000],
      ['by force', 'trap "" TERM; echo ready; echo last words; exec sleep "$1"', 50],
    ] as const) {
      const bench = await makeBench(t);
      const running = await bench.start('sh', ['-c', script, 'sh', rareSeconds()]);
      await bench.output.heard('ready');
      assert.equal((await running.stop(graceMs)).survivors, 0, name);
      await running.ended;
      assert.match(bench.output.text, /last words\n$/, name);
      assert.ok(bench.output.bytes.equals(await readFile(join(bench.folder, 'stdout.log'))), name);
    }
  });

  test('by a process it left behind is read before the end is told', async (t) => {
    const bench = await makeBench(t);
    // The leftover process must have set its trap, because MAOS asks it to end as soon as the program has ended.
    const left = 'trap "echo left behind; exit" TERM; : >"$1"; while :; do sleep 0.01; done';
    const script = `(${left}) & until [ -e "$1" ]; do sleep 0.01; done; exit 4`;
    const running = await bench.start('sh', ['-c', script, 'sh', join(bench.folder, 'trapped')]);
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 4);
    assert.match(bench.output.text, /left behind\n$/);
  });

  for (const [stream, file] of [
    ['', 'stdout.log'],
    [' >&2', 'stderr.log'],
  ] as const) {
    test(`endlessly to ${file} stops at a bound of the system, without MAOS`, async (t) => {
      const maxOutputBytes = 3_000_000;
      const bench = await makeBench(t, { maxOutputBytes });
      let printed = 0;
      Object.assign(bench.output, { printed: (bytes: number) => (printed = bytes) });
      const end = await (await bench.start('sh', ['-c', `exec yes${stream}`])).ended;
      assert.equal(end.how === 'exited' && end.signal, 'SIGPIPE');
      const { size } = await stat(join(bench.folder, file));
      assert.ok(size > maxOutputBytes && size <= maxOutputBytes + 2 ** 20 + 512, `${size} bytes`);
      assert.equal(printed, size, 'told at the end, for the limit to be named');
    });
  }
});

suite('an agent that removes its own folder', { concurrency: 2 }, () => {
  for (const status of [0, 5]) {
    test(`at once is told by its exit status ${status}, not as one that cannot start`, async (t) => {
      const bench = await makeBench(t, { workingDirectory: '/' });
      const script = 'rm -rf -- "$1"; exit "$2"';
      const running = await bench.start('sh', ['-c', script, 'sh', bench.folder, String(status)]);
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, status);
      assert.match(bench.logged.join('\n'), /stdout\.log (was deleted|cannot be opened)/);
    });
  }
});

test('an error at close while an agent starts leaves the agent followed', async (t) => {
  const bench = await makeBench(t);
  const { closeSync } = fs;
  let failures = 0;
  t.after(restore);
  function restore(): void {
    fs.closeSync = closeSync;
    syncBuiltinESMExports();
  }
  fs.closeSync = (fd) => {
    closeSync(fd);
    if (failures++ === 0) throw Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' });
  };
  syncBuiltinESMExports();
  const running = await bench.start('sh', ['-c', 'echo ran; exit 3']);
  restore();
  assert.equal(failures > 0, true);
  const end = await running.ended;
  assert.equal(end.how === 'exited' && end.exitCode, 3);
  assert.equal(bench.output.text, 'ran\n');
});

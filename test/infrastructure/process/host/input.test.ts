import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import type { RunningAgent } from '../../../../src/application/ports/agent-host.ts';
import { beginInput, findInput } from '../../../../src/infrastructure/process/host/input-file.ts';
import { fc } from '../../../helpers/properties.ts';
import { smallDisk } from '../../../helpers/small-disk.ts';
import { SteeredClock } from '../../../helpers/steered-clock.ts';
import { until } from '../../../helpers/waiting.ts';
import { sampleAgent, sampleKey } from '../sample-agent.ts';
import {
  type Bench,
  Collector,
  makeBench,
  processesWith,
  program,
  rareSeconds,
  statesOf,
} from '../test-bench.ts';

/** Counts its input lines, and prints each and the end. */
const echo = 'i=0; while IFS= read -r line; do echo "$i $line"; i=$((i+1)); done; echo "end after $i"';

async function fed(
  t: TestContext,
  args: readonly string[],
  prompt: string | Uint8Array = 'the prompt\n',
  options: Parameters<typeof makeBench>[1] = {},
): Promise<{ bench: Bench; running: RunningAgent }> {
  const bench = await makeBench(t, options);
  writeFileSync(join(bench.folder, 'prompt.md'), prompt);
  return { bench, running: await bench.start('sh', ['-c', ...args], { stdin: 'stream' }) };
}

const line = (text: string | number): Buffer => Buffer.from(`line ${text}\n`);
const numbered = (count: number): string =>
  Array.from({ length: count }, (_, i) => (i === 0 ? '0 the prompt\n' : `${i} line ${i}\n`)).join('');

suite('a program that can receive', { concurrency: 2 }, () => {
  test('gets the prompt first, what is sent while it runs, and the end', async (t) => {
    const { bench, running } = await fed(t, [echo]);
    await bench.output.heard('0 the prompt\n');
    await running.send({ id: 'a', bytes: line(1) });
    await bench.output.heard('1 line 1\n');
    await running.send({ id: 'b', bytes: line(2) });
    await running.closeInput();
    await running.closeInput();
    const end = await running.ended;
    assert.equal(end.how === 'exited' && end.exitCode, 0);
    assert.equal(end.how === 'exited' && end.strays, undefined);
    assert.equal(bench.output.text, `${numbered(3)}end after 3\n`);
  });

  test('is ended with all of its wrapper, also when the shell in it that waits for the program was killed', async (t) => {
    const { bench, running } = await fed(t, ['echo "$PPID"; exec sleep 300']);
    await until(() => bench.output.text.endsWith('\n'));
    process.kill(Number(bench.output.text), 'SIGKILL');
    const { survivors } = await running.stop(100);
    assert.equal(survivors, 0);
  });

  test('is lost when it is gone and the shell that would have recorded its end was killed', async (t) => {
    const clock = new SteeredClock();
    const { bench, running } = await fed(t, ['echo "$PPID $$"; exec sleep 300'], '', { clock });
    await until(() => bench.output.text.endsWith('\n'));
    await running.sample();
    await clock.pass(60_000);
    assert.notEqual(await running.sample(), null, 'only a wrapper without a program is ended');
    for (const pid of bench.output.text.split(' ')) process.kill(Number(pid), 'SIGKILL');
    await until(async () => (await running.sample())?.processes === 0);
    await clock.pass(10_000);
    for (let look = 0; look < 2; look += 1) await running.sample();
    assert.equal((await running.ended).how, 'lost');
    assert.deepEqual(await processesWith(bench.key.agentId), []);
  });

  test('gets 1,000 entries once, in order, and none twice that is sent again', async (t) => {
    const { bench, running } = await fed(t, [echo]);
    const all = Array.from({ length: 999 }, (_, i) => running.send({ id: `e${i + 1}`, bytes: line(i + 1) }));
    await Promise.all(all);
    for (const i of [1, 500, 999]) await running.send({ id: `e${i}`, bytes: line('again') });
    await running.closeInput();
    await running.ended;
    assert.equal(bench.output.text, `${numbered(1000)}end after 1000\n`);
  });

  test('gets an entry of 1 MB, and does not hold MAOS up while it does not read', async (t) => {
    const { running, bench } = await fed(t, ['until [ -e go ]; do sleep 0.02; done; exec wc -c']);
    const bytes = Buffer.alloc(1_000_000, 'x');
    for (const id of ['a', 'b', 'c']) await running.send({ id, bytes });
    await running.closeInput();
    writeFileSync(join(bench.folder, 'go'), '');
    await running.ended;
    assert.equal(bench.output.text.trim(), String(3_000_000 + 'the prompt\n'.length));
  });

  test('gets any bytes as they are', async (t) => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 }),
        async (prompt, entries) => {
          const { bench, running } = await fed(t, ['exec cat'], prompt);
          for (const [i, bytes] of entries.entries()) await running.send({ id: `e${i}`, bytes });
          await running.closeInput();
          await running.ended;
          assert.deepEqual(bench.output.bytes, Buffer.concat([prompt, ...entries]));
        },
      ),
      {
        numRuns: 15,
        examples: [[Uint8Array.from({ length: 256 }, (_, i) => i), [Buffer.from('~:\\c%s\\0101 \n\n')]]],
      },
    );
  });

  test('that ends early leaves nobody behind, and takes no more', async (t) => {
    for (const script of ['exit 4', 'read -r line; sleep "$1" <&0 & exit 4', 'exec <&-; exit 4']) {
      const { bench, running } = await fed(t, [script, 'sh', rareSeconds()], Buffer.alloc(300_000, 'x\n'));
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 4, script);
      await assert.rejects(running.send({ id: 'late', bytes: line(1) }), /it has ended/);
      await running.closeInput();
      for (const word of [bench.folder, join(bench.folder, 'input.1')]) {
        assert.deepEqual(await processesWith(word), [], script);
      }
      // An agent without leftover processes is not reported to have any.
      assert.equal(end.how === 'exited' && end.strays === undefined, !script.includes('sleep'), script);
    }
  });

  test('is stopped with its feeder, politely and by force', async (t) => {
    for (const [trap, graceMs, signal] of [
      ['', 20_000, 'SIGTERM'],
      ['trap "" TERM; ', 50, 'SIGKILL'],
    ] as const) {
      const seconds = rareSeconds();
      const { bench, running } = await fed(t, [`${trap}echo ready; exec sleep "$1"`, 'sh', seconds]);
      await bench.output.heard('ready');
      const report = await running.stop(graceMs);
      assert.equal(report.survivors, 0);
      assert.equal(report.processes?.length, 1, 'the program, and none of its feeder');
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.signal, signal);
      assert.deepEqual(await processesWith(seconds), []);
    }
  });

  test('suspended, gets what was sent meanwhile when it goes on', async (t) => {
    const { bench, running } = await fed(t, [`${echo}; : "$1"`, 'sh', rareSeconds()]);
    await bench.output.heard('0 the prompt\n');
    await running.suspend();
    const tails = [...statesOf(join(bench.folder, 'input.1')).values()];
    assert.deepEqual(tails, ['S'], 'its feeder waits, and is not suspended');
    await running.send({ id: 'a', bytes: line(1) });
    await running.resume();
    await bench.output.heard('1 line 1\n');
    assert.equal((await running.sample())?.processes, 1, 'the feeder is none of its own');
    await running.closeInput();
    await running.ended;
    assert.equal(bench.output.text, `${numbered(2)}end after 2\n`);
  });

  test('in the environment of its program nothing is missing or changed', async (t) => {
    const bench = await makeBench(t);
    writeFileSync(join(bench.folder, 'prompt.md'), '');
    const env = { LC_ALL: 'en_US.UTF-8', tail: 'a', next: 'b', number: 'c', id: 'd', text: 'e', feeder: 'f' };
    const script = 'echo "$LC_ALL $tail $next $number $id $text $feeder"';
    const running = await bench.start('sh', ['-c', script], { stdin: 'stream', env });
    await running.ended;
    assert.equal(bench.output.text, 'en_US.UTF-8 a b c d e f\n');
  });
});

suite('input of an agent', { concurrency: 2 }, () => {
  test('is refused, with the reason, where its program reads none, or it never started', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('sleep', [rareSeconds()]);
    const entry = { id: 'a', bytes: line(1) };
    await assert.rejects(running.send(entry), {
      code: 'INVALID_TRANSITION',
      message: /reads no further input/,
    });
    await assert.rejects(running.closeInput(), { code: 'INVALID_TRANSITION' });
    assert.ok(!readdirSync(bench.folder).includes('input.1'));
    const never = await (await makeBench(t)).attach();
    await assert.rejects(never.send(entry), /never started/);
  });

  test('is refused after its end, with an id that is none, too large, and in a folder that is gone', async (t) => {
    const { bench, running } = await fed(t, ['cat; exec sleep "$1"', 'sh', rareSeconds()]);
    await assert.rejects(running.send({ id: 'a b', bytes: line(1) }), { code: 'INVALID_INPUT' });
    const large = new Uint8Array(4 * 2 ** 20 + 1);
    await assert.rejects(running.send({ id: 'a', bytes: large }), { code: 'RESOURCE_LIMIT_EXCEEDED' });
    await running.closeInput();
    await assert.rejects(running.send({ id: 'a', bytes: line(1) }), /the input is closed/);
    // Its supervisor may be writing there.
    await rm(bench.folder, { recursive: true, maxRetries: 20 });
    await assert.rejects(running.send({ id: 'b', bytes: line(1) }), /does not exist/);
    assert.throws(() => readdirSync(bench.folder), 'it is not made anew');
  });

  test('a torn last line is never fed: what is missing of it makes it none, or its end completes it', async (t) => {
    const { bench, running } = await fed(t, [echo]);
    const path = join(bench.folder, 'input.1');
    await running.send({ id: 'a', bytes: line(1) });
    const sizes = [(await stat(path)).size];
    await running.send({ id: 'b', bytes: Buffer.from('line 2~\nhalf\n') });
    sizes.push((await stat(path)).size);
    const [from = 0, to = 0] = sizes;
    await running.closeInput();
    await running.ended;
    const whole = await readFile(path);
    for (let size = from; size <= to; size++) {
      const torn = await makeBench(t);
      const copy = join(torn.folder, 'input.1');
      writeFileSync(copy, whole.subarray(0, size));
      writeFileSync(join(torn.folder, 'prompt.md'), 'another prompt\n');
      // Like the next owner, which sends entries that it does not know to be there.
      const agent = await torn.start('sh', ['-c', echo], { stdin: 'stream' });
      await agent.send({ id: 'b', bytes: Buffer.from('line 2~\nhalf\n') });
      await agent.send({ id: 'c', bytes: line(4) });
      await agent.closeInput();
      await agent.ended;
      assert.equal(
        torn.output.text,
        '0 the prompt\n1 line 1\n2 line 2~\n3 half\n4 line 4\nend after 5\n',
        `cut at ${size}`,
      );
    }
  });

  test('of two owners at once: each entry once, in the same order for all', async (t) => {
    const { bench, running } = await fed(t, [echo]);
    const other = await bench.attach(new Collector());
    const sends = Array.from({ length: 60 }, (_, i) => [
      running.send({ id: `both-${i}`, bytes: Buffer.from(`both ${i}\n`) }),
      other.send({ id: `both-${i}`, bytes: Buffer.from(`both ${i}\n`) }),
      other.send({ id: `mine-${i}`, bytes: Buffer.from(`mine ${i}\n`) }),
    ]);
    await Promise.all(sends.flat());
    await other.closeInput();
    await running.ended;
    const got = bench.output.text
      .split('\n')
      .slice(1, -2)
      .map((text) => text.replace(/^\d+ /, ''));
    assert.equal(got.length, 120);
    assert.equal(new Set(got).size, 120);
    const both = got.filter((text) => text.startsWith('both'));
    assert.deepEqual(
      both,
      Array.from({ length: 60 }, (_, i) => `both ${i}`),
    );
  });

  test('is not appended by whoever has lost the agent', async (t) => {
    const bench = await makeBench(t);
    let isOwned = true;
    const input = await beginInput(bench.folder, 1, { id: 'prompt', bytes: line(0) }, () => isOwned);
    isOwned = false;
    await assert.rejects(input.append({ id: 'a', bytes: line(1) }), /another MAOS owns the session/);
    assert.equal(await readFile(join(bench.folder, 'input.1'), 'utf8'), '0:prompt:line 0\\n~\n');
  });

  test('on a full disk fails with the reason; what was half written is not fed, and the next entry is', async (t) => {
    const folder = smallDisk(t, 64);
    if (folder === null) return;
    const input = await beginInput(folder, 1, { id: 'prompt', bytes: line(0) }, () => true);
    const large = { id: 'large', bytes: Buffer.alloc(100_000, 'x') };
    await assert.rejects(input.append(large), { code: 'RESOURCE_LIMIT_EXCEEDED', message: /disk|space/ });
    await assert.rejects(input.append({ id: 'small', bytes: line(1) }), { code: 'RESOURCE_LIMIT_EXCEEDED' });
    const path = join(folder, 'input.1');
    const { size } = await stat(path);
    assert.ok(size > 20, 'half of it is there');
    const bench = await makeBench(t);
    writeFileSync(join(bench.folder, 'prompt.md'), 'prompt');
    writeFileSync(join(bench.folder, 'input.1'), await readFile(path));
    const running = await bench.start('sh', ['-c', echo], { stdin: 'stream' });
    await running.send({ id: 'small', bytes: line(1) });
    await running.closeInput();
    await running.ended;
    assert.equal(bench.output.text, '0 line 0\n1 line 1\nend after 2\n');
  });

  test('that somebody cut fails instead of going on for ever', async (t) => {
    const { bench, running } = await fed(t, ['exec sleep "$1"', 'sh', rareSeconds()]);
    await running.send({ id: 'a', bytes: Buffer.alloc(1_000, 'x') });
    truncateSync(join(bench.folder, 'input.1'));
    await assert.rejects(running.send({ id: 'b', bytes: line(1) }), /somebody cut the file/);
  });

  test('of an attempt is no other attempt’s', async (t) => {
    const bench = await makeBench(t);
    await beginInput(bench.folder, 1, { id: 'prompt', bytes: line(0) }, () => true);
    assert.equal(
      findInput(bench.folder, 2, () => true),
      null,
    );
    appendFileSync(join(bench.folder, 'input.1'), 'garbage\n0:x:again~\n');
    await findInput(bench.folder, 1, () => true)?.append({ id: 'a', bytes: line(1) });
    assert.match(await readFile(join(bench.folder, 'input.1'), 'utf8'), /\n1:a:line 1\\n~\n$/);
  });
});

// Not in parallel, because they share the agent's id with the process that starts it.
suite('input of an agent whose MAOS is killed', () => {
  for (const killAfter of [0, 1, 20, 60]) {
    test(`after ${killAfter} entries: the next one sends all again, and each comes once`, async (t) => {
      const bench = await makeBench(t, { identity: { agent: sampleAgent, key: sampleKey } });
      writeFileSync(join(bench.folder, 'prompt.md'), 'the prompt\n');
      const starter = spawn(process.execPath, [program('feed-agent.ts'), bench.folder, '100', echo], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.after(() => starter.kill('SIGKILL'));
      const said = createInterface(starter.stdout)[Symbol.asyncIterator]();
      for (let i = 0; i <= killAfter; i++) await said.next();
      const exited = once(starter, 'exit');
      // It has not recorded any sent entry, and is about to send the next.
      starter.kill('SIGKILL');
      await exited;
      const running = await bench.attach();
      for (let i = 1; i <= 100; i++) await running.send({ id: `entry-${i}`, bytes: line(i) });
      await running.closeInput();
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 0);
      assert.equal(bench.output.text, `${numbered(101)}end after 101\n`);
    });
  }

  test('goes on being fed while nobody looks after it', async (t) => {
    const bench = await makeBench(t, { identity: { agent: sampleAgent, key: sampleKey } });
    writeFileSync(join(bench.folder, 'prompt.md'), 'the prompt\n');
    const script = `until [ -e go ]; do sleep 0.02; done; ${echo.replace('done;', '[ $i -lt 6 ] || exit 3; done;')}`;
    const starter = spawn(process.execPath, [program('feed-agent.ts'), bench.folder, '5', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = createInterface(starter.stdout)[Symbol.asyncIterator]();
    for (let i = 0; i <= 5; i++) await said.next();
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    writeFileSync(join(bench.folder, 'go'), '');
    await until(() => readdirSync(bench.folder).includes('exit.json'), 'the end');
    const end = await (await bench.attach()).ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.equal(bench.output.text, numbered(6));
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { until } from '../helpers/waiting.ts';
import { bundle } from '../presentation/cli/maos-process.ts';
import { EngineBench } from './engine-bench.ts';

describe('a folder that is removed', () => {
  for (const [name, command] of [
    ['a command', 'list'],
    ['a server', 'serve'],
  ] as const) {
    it(`under ${name}: one line that says so, and the end`, async (t) => {
      const bench = new EngineBench(t);
      const gone = join(bench.folder, 'gone');
      mkdirSync(gone);
      const line = `rmdir '${gone}' && exec '${process.execPath}' '${bundle}' ${command}`;
      const { status, stdout, stderr } = await bench.shell(line, gone);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /^maos: The current folder no longer exists. .*--project\.\n/);
    });
  }

  it('does not matter to a command that is told the project', async (t) => {
    const bench = new EngineBench(t);
    const gone = join(bench.folder, 'gone');
    mkdirSync(gone);
    const line = `rmdir '${gone}' && exec '${process.execPath}' '${bundle}' list --project '${bench.project}' --json`;
    const { status, stdout, stderr } = await bench.shell(line, gone);
    assert.deepEqual([status, JSON.parse(stdout).sessions], [0, []], stderr);
  });

  it('of a project whose agents run: what takes them over stops them all the same', async (t) => {
    const bench = new EngineBench(t);
    const child = bench.spawn(['run', '--json', '--exec', 'a=exec sleep 600']);
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if ((JSON.parse(line) as { type: string }).type === 'agent.spawned') break;
    }
    rmSync(bench.project, { recursive: true });
    child.kill('SIGTERM');
    await until(
      () => bench.processes.length === 0,
      () => `the end of ${bench.processes.join()}`,
    );
    mkdirSync(bench.project);
    const { stdout } = await bench.run(['status', 'latest', '--json']);
    const { state, pause_reason } = JSON.parse(stdout) as { state: string; pause_reason: string };
    assert.deepEqual([state, pause_reason], ['paused', 'interrupted']);
  });
});

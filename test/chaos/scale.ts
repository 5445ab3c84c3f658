import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkRecords } from './checks.ts';
import { readLedger, readSessions } from './records.ts';
import { type Launched, pause, World } from './world.ts';

/*
 * Tests with large numbers, outside `npm test`: `npm run chaos -- --scale`.
 */

const launcher = process.env.MAOS_LAUNCHER ?? fileURLToPath(new URL('../../bin/maos.js', import.meta.url));
const settings = { maxConcurrentAgents: { machine: 1_000 }, stopGraceSeconds: 5 };

const worlds: World[] = [];
after(async () => {
  for (const world of worlds) {
    await world.end();
    await world.remove();
  }
});

function makeWorld(): World {
  const world = new World(launcher);
  worlds.push(world);
  writeFileSync(join(world.home, 'config.json'), JSON.stringify(settings));
  return world;
}

/** Agents that record their start, wait for the file `go`, and record their end. */
function startTeam(world: World, count: number): Launched {
  const go = join(world.project, 'go');
  const line = `echo "start $MAOS_AGENT_ID $$" >>'${world.ledger}'; until [ -e '${go}' ]; do sleep 1; done; echo "end $MAOS_AGENT_ID $$ 0" >>'${world.ledger}'`;
  const agents = Array.from({ length: count }, (_, index) => ({
    name: `w${index}`,
    role: 'tester',
    task: 'Be there.',
    backend: 'command',
    command: line,
    max_memory_mb: 16,
  }));
  const file = join(world.folder, `plan-${world.launched.length}.json`);
  writeFileSync(file, JSON.stringify({ objective: 'Be many.', agents }));
  return world.start('run', file, '--json');
}

async function until(what: string, seconds: number, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `waited ${seconds} s for ${what}`);
    await pause(200);
  }
}

/** CPU time of a process in clock ticks (1/100 s), and its memory in MiB; Linux only. */
function usageOf(pid: number): { readonly ticks: number; readonly memoryMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
  return { ticks: Number(fields[11]) + Number(fields[12]), memoryMb: (pages * 4_096) / 2 ** 20 };
}

async function assertAllCompleted(world: World, runs: readonly Launched[], count: number): Promise<void> {
  for (const { exited } of runs) await exited;
  for (const { child, name } of runs) assert.equal(child.exitCode, 0, name);
  const sessions = readSessions(world.home);
  assert.deepEqual(
    sessions.map(({ state }) => state),
    runs.map(() => 'completed'),
  );
  const lines = readLedger(world.ledger);
  for (const what of ['start', 'end']) assert.equal(lines.filter((line) => line.what === what).length, count);
  assert.equal(new Set(lines.map(({ agentId }) => agentId)).size, count, 'each ran once');
  const left = (): number => world.processes().length;
  await until('the last process to be gone', 10, () => left() === 0);
  // The plans' commands are shell lines here, and the ledger's ends were compared above.
  const { violations } = checkRecords(world, []);
  assert.deepEqual(violations, []);
}

describe('at scale', () => {
  it('200 agents are alive at once, each once, and MAOS costs little', async (t) => {
    const world = makeWorld();
    const run = startTeam(world, 200);
    await until('200 agents', 120, () => readLedger(world.ledger).length === 200);
    if (process.platform === 'linux') {
      const pid = run.child.pid as number;
      const before = usageOf(pid);
      await pause(10_000);
      const after = usageOf(pid);
      const cpu = (after.ticks - before.ticks) / 10;
      t.diagnostic(`MAOS with 200 agents: ${cpu.toFixed(1)} % CPU, ${after.memoryMb.toFixed(0)} MiB`);
      assert.ok(cpu <= 5, `${cpu} % CPU`);
      assert.ok(after.memoryMb <= 150, `${after.memoryMb} MiB`);
    }
    writeFileSync(join(world.project, 'go'), '');
    await assertAllCompleted(world, [run], 200);
  });

  it('20 sessions run at once in one project, each by a MAOS of its own', async () => {
    const world = makeWorld();
    const runs = Array.from({ length: 20 }, () => startTeam(world, 3));
    await until('60 agents', 120, () => readLedger(world.ledger).length === 60);
    writeFileSync(join(world.project, 'go'), '');
    await assertAllCompleted(world, runs, 60);
  });
});

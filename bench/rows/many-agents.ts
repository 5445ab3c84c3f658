import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuTimeMs, processesNaming, residentMb } from '../machine.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { awaitCompletion, orchestrate, readEvents, teamOf, timesOf } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const spawner = fileURLToPath(new URL('../floor/spawner.mjs', import.meta.url));

/** After the starts, the engine still compiles, collects garbage, and gives memory back. */
const settleMs = 10_000;
const quickSettleMs = 2_000;

/** The load on the MAOS process that supervises many running agents. */
export const manyAgents: Row = {
  name: 'many',
  measure: (options) =>
    inWorkplace({ maxConcurrentAgents: { machine: 500 } }, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const count = quick ? 20 : 200;
  const spanMs = quick ? 1_000 : 20_000;
  say(`${count} agents alive for ${spanMs / 1_000} s`);
  const bare = await watchBare(count, spanMs);

  await useOnce(place);
  const client = place.maos();
  await client.initialize();
  const command = ['/bin/sleep', '600'];
  const id = await orchestrate(client, teamOf(count, command));
  await awaitSpawned(place, id, count);
  const watched = await watch(client.pid, spanMs);
  const before = performance.now();
  const { state } = await client.ask<{ state: string }>('control-session', {
    session_id: id,
    action: 'cancel',
  });
  const cancelledMs = performance.now() - before;
  if (state !== 'cancelled') throw new Error(`The session is ${state} after it was cancelled.`);
  const left = processesNaming(id).length;
  if (left > 0)
    throw new Error(`${left} processes of ${count} agents were left after the session was cancelled.`);

  const floor = `bare Node with the same ${count} children`;
  const alive = `${count} agents alive at once`;
  return [
    {
      what: `${alive}: processor time of MAOS`,
      unit: '%',
      maos: summarize([watched.cpuPercent]),
      floor: { is: floor, summary: summarize([bare.cpuPercent]) },
      basis: 'value',
      must: { typical: 5 },
      aim: { typical: 1 },
    },
    {
      what: `${alive}: memory of MAOS`,
      unit: 'MB',
      maos: summarize([watched.rssMb]),
      floor: { is: floor, summary: summarize([bare.rssMb]) },
      basis: 'value',
      must: { typical: 150 },
      aim: { typical: 90 },
    },
    {
      what: `all ${count} cancelled, every process proved gone`,
      unit: 'ms',
      maos: summarize([cancelledMs]),
      floor: null,
      basis: 'value',
      must: null,
      aim: null,
    },
  ];
}

/** The first server on a machine compiles everything. The measured one uses the code that an earlier one has saved. */
async function useOnce(place: Workplace): Promise<void> {
  const client = place.maos();
  await client.initialize();
  await awaitCompletion(client, await orchestrate(client, teamOf(1, ['/bin/sleep', '0.1'])));
  await client.close();
}

/** `running` is recorded before a process exists, `agent.spawned` afterwards. */
async function awaitSpawned(place: Workplace, id: string, count: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const events = readEvents(place, id);
    if (timesOf(events, 'agent.spawned').length === count) return;
    const failed = events.find(({ type }) => type === 'agent.failed');
    if (failed !== undefined)
      throw new Error(`An agent could not be started: ${JSON.stringify(failed.data)}`);
    await sleep(100);
  }
  throw new Error(`${count} agents were not running after 30 s.`);
}

async function watch(pid: number, spanMs: number): Promise<{ cpuPercent: number; rssMb: number }> {
  await sleep(spanMs < settleMs ? quickSettleMs : settleMs);
  const cpuBefore = cpuTimeMs(pid);
  const before = performance.now();
  await sleep(spanMs);
  const cpuPercent = ((cpuTimeMs(pid) - cpuBefore) / (performance.now() - before)) * 100;
  return { cpuPercent, rssMb: residentMb(pid) };
}

async function watchBare(count: number, spanMs: number): Promise<{ cpuPercent: number; rssMb: number }> {
  const child = spawn(process.execPath, [spawner, String(count), '/bin/sleep', '600'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = new Promise<unknown>((resolve) => child.once('exit', resolve));
  try {
    await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), gone]);
    return await watch(child.pid as number, spanMs);
  } finally {
    child.stdin.end();
    await gone;
  }
}

import { spawn } from 'node:child_process';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { awaitCompletion, orchestrate, readEvents, teamOf, timesOf, trueProgram } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

/** Agents that run one after another in one session. Events have whole milliseconds, so the mean over ten has tenths. */
const perSession = 10;
const atOnce = 8;

interface Program {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** The overhead of an agent over the program that it runs, sequentially and in parallel. */
export const agentOverhead: Row = {
  name: 'agents',
  measure: (options) =>
    inWorkplace({ maxConcurrentAgents: { machine: atOnce } }, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const programs: readonly Program[] = [
    { name: '`true`', command: [trueProgram] },
    { name: '`node -e 0`', command: [process.execPath, '-e', '0'] },
  ];
  const client = place.maos();
  await client.initialize();
  const measurements: Measurement[] = [];
  for (const program of programs) {
    say(`agents one after the other: ${program.name}`);
    measurements.push(...(await oneByOne(place, client, program, quick ? 1 : 6)));
  }
  say('agents side by side');
  measurements.push(await sideBySide(place, client, quick ? 1 : 5));
  return measurements;
}

async function oneByOne(
  place: Workplace,
  client: StdioClient,
  { name, command }: Program,
  sessions: number,
): Promise<readonly Measurement[]> {
  const team = teamOf(perSession, command, 'sequential');
  const cycles: number[] = [];
  const runs: number[] = [];
  const bare: number[] = [];
  for (let session = 0; session <= sessions; session += 1) {
    const id = await orchestrate(client, team);
    await awaitCompletion(client, id);
    const events = readEvents(place, id);
    const started = timesOf(events, 'agent.started');
    const completed = timesOf(events, 'agent.completed');
    if (completed.length !== perSession)
      throw new Error(`Of ${perSession} agents, ${completed.length} completed.`);
    const spawned = await bareSpawns(command, perSession);
    // The first session warms up.
    if (session === 0) continue;
    cycles.push(((completed.at(-1) as number) - (started[0] as number)) / perSession);
    runs.push(mean(completed.map((end, index) => end - (started[index] as number))));
    bare.push(spawned);
  }
  const floor = { is: `bare spawn of ${name}`, summary: summarize(bare) };
  const must = { typical: 10 };
  const aim = { typical: 4 };
  const rest = { unit: 'ms', floor, basis: 'difference' } as const;
  return [
    {
      what: `per agent ${name}, one after the other: start to next start`,
      maos: summarize(cycles),
      ...rest,
      must,
      aim,
    },
    {
      what: `of this, \`agent.started\` to \`agent.completed\``,
      maos: summarize(runs),
      ...rest,
      must: null,
      aim: null,
    },
  ];
}

/** Spawns the program repeatedly. @returns the mean time from spawn to exit, in milliseconds */
async function bareSpawns([program, ...args]: Program['command'], count: number): Promise<number> {
  const before = performance.now();
  for (let spawned = 0; spawned < count; spawned += 1) await bareSpawn(program, args);
  return (performance.now() - before) / count;
}

function bareSpawn(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: 'ignore' })
      .once('error', reject)
      .once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
}

async function sideBySide(place: Workplace, client: StdioClient, sessions: number): Promise<Measurement> {
  const count = 60;
  const team = teamOf(count, [trueProgram]);
  const maos: number[] = [];
  const bare: number[] = [];
  for (let session = 0; session < sessions; session += 1) {
    const id = await orchestrate(client, team);
    await awaitCompletion(client, id);
    const events = readEvents(place, id);
    const completed = timesOf(events, 'agent.completed');
    if (completed.length !== count) throw new Error(`Of ${count} agents, ${completed.length} completed.`);
    const took = Math.max(...completed) - Math.min(...timesOf(events, 'agent.started'));
    maos.push((count * 1_000) / took);
    const before = performance.now();
    await Promise.all(
      Array.from({ length: atOnce }, () => bareSpawns([trueProgram], Math.ceil(count / atOnce))),
    );
    bare.push((Math.ceil(count / atOnce) * atOnce * 1_000) / (performance.now() - before));
  }
  return {
    what: `throughput: ${count} agents \`true\`, ${atOnce} at once`,
    unit: 'agents/s',
    maos: summarize(maos),
    floor: { is: `bare spawns, ${atOnce} at once`, summary: summarize(bare) },
    basis: 'ratio',
    must: null,
    aim: null,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

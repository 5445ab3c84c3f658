import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, isAlive } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';
import { SeededRandom } from './dice.ts';
import { Network } from './network.ts';
import { filesOf, type Home, type Host, Pool } from './pool.ts';
import { isWrapper } from './processes.ts';
import { kill } from './world.ts';

export interface HostsCampaign {
  readonly launcher: string;
  readonly seed: number;
  readonly rounds: number;
  /** Null: all of them. */
  readonly only: number | null;
  /** After this, no further round begins. */
  readonly seconds: number;
  /** Whether the server often loses all it has stored. */
  readonly wipes: boolean;
  /** Whether the server may be away for minutes, or lose all it has stored: it takes hosts seconds to tell everything again. */
  readonly isPatient: boolean;
  readonly isVerbose: boolean;
  say(line: string): void;
}

/** Short, so that a host that sleeps is given up. */
const lostAfterMinutes = 0.1;
/** From the first command after a kill of the session's process until another one owns it, on a machine that is not crowded. */
const adoptionMs = 5_000;
/** How long the server is away for agents that end meanwhile. */
const minutesAwayMs = [60_000, 120_000] as const;
/** How far a clock is apart. */
const apartMs = 12 * 3_600_000;
const terminal = new Set(['completed', 'failed', 'cancelled']);

interface Job {
  readonly name: string;
  readonly lines: number;
}

/** What a round has seen. */
interface Report {
  readonly told: string[];
  readonly complaints: string[];
  /** `completed`, or why not, of each agent. */
  readonly ends: string[];
  readonly adoptions: number[];
  /** From the end of a program, or of the last assault if that is later, until its home knew of the end; in ms. */
  readonly lags: number[];
  launches: number;
  /** Hosts whose clock was not that of their home from the beginning. */
  apart: number;
  /** What its network did; null: all was on loopback. */
  weather: string | null;
}

const printed = ({ name, lines }: Job): string =>
  Array.from({ length: lines }, (_, line) => `${name} line ${line}\n`).join('');

/** Leaves a file with its pid, which only one launch of an attempt can make. */
function lineOf(folder: string, { name, lines }: Job): string {
  const mark = `'${folder}/started.${name}.'$MAOS_AGENT_ATTEMPT`;
  const begin = `( set -C; echo $$ > ${mark} ) 2>/dev/null || echo ${name} $MAOS_AGENT_ATTEMPT >> '${folder}/doubled'`;
  return `${begin}; i=0; while [ $i -lt ${lines} ]; do echo "${name} line $i"; i=$((i+1)); sleep 0.05; done; : > '${folder}/over.${name}'`;
}

/** One assault on whatever is there. @returns what was done */
async function assault(pool: Pool, dice: SeededRandom, { wipes, isPatient }: HostsCampaign): Promise<string> {
  await sleep(dice.between(0, 2_000));
  const kind = dice.weighted({
    'a host is killed': 3,
    'a host sleeps': 2,
    'the server is killed': 3,
    'the server sleeps': 1,
    'the server is away for minutes': isPatient ? 1 : 0,
    'a clock is set': 2,
    'a home is killed': 3,
    'a home sleeps': 1,
    'a wrapper is killed': 1,
    'a wrapper sleeps': 1,
    'a link is cut': pool.places.length > 0 ? 4 : 0,
    'the server is wiped': wipes ? 3 : isPatient ? 1 : 0,
  });
  const host = dice.pick(pool.hosts) as Host;
  const home = dice.pick(pool.homes) as Home;
  // Rarely so long that its agents are given up.
  const shortMs = dice.chance(0.05) ? 25_000 : dice.between(0, dice.chance(0.2) ? 9_000 : 1_500);
  const awayMs = kind.endsWith('for minutes') ? dice.between(...minutesAwayMs) : shortMs;
  const { server } = pool;
  const isSleep = kind.endsWith('sleeps');
  const lull = async (signal: (name: NodeJS.Signals) => void): Promise<void> => {
    signal('SIGSTOP');
    await sleep(awayMs);
    signal('SIGCONT');
  };
  if (kind === 'a host is killed') await host.die(awayMs);
  else if (kind === 'a home is killed') await home.die(awayMs);
  else if (kind === 'a host sleeps') await lull((signal) => host.signal(signal));
  else if (kind === 'a home sleeps') await lull((signal) => home.signal(signal));
  else if (kind === 'the server sleeps') await lull((signal) => server.signal(signal));
  else if (kind === 'a clock is set') host.machine.clockMs = shiftOf(dice);
  else if (kind === 'a link is cut') {
    host.place?.cut(true);
    await sleep(awayMs);
    host.place?.cut(false);
  } else if (kind.startsWith('the server')) {
    if (kind === 'the server is wiped') await server.wipe();
    else await server.kill();
    await sleep(awayMs);
    await server.run();
  } else {
    const { pid } = dice.pick(host.machine.processes.filter(isWrapper)) ?? {};
    if (pid === undefined) return `${kind}: none`;
    if (isSleep) await lull((signal) => kill(pid, signal));
    else kill(pid, 'SIGKILL');
  }
  // These take no time.
  const isInstant = ['a clock is set', 'a wrapper is killed'].includes(kind);
  const isLong = awayMs > 20_000 && !isInstant && !kind.endsWith('for minutes');
  return isLong ? `${kind} for long` : kind;
}

/** Mostly minutes, sometimes hours, in either direction. */
function shiftOf(dice: SeededRandom): number {
  const most = dice.chance(0.3) ? apartMs : apartMs / 60;
  return dice.between(-most, most);
}

async function play(pool: Pool, dice: SeededRandom, campaign: HostsCampaign, report: Report): Promise<void> {
  const { folder, homes, hosts } = pool;
  for (const host of hosts) {
    if (dice.chance(0.5)) {
      host.machine.clockMs = shiftOf(dice);
      report.apart += 1;
    }
    await host.start();
  }
  const jobs = new Map<Home, readonly Job[]>();
  for (const home of homes) {
    const many = Array.from({ length: dice.between(1, 3) }, (_, number): Job => {
      return { name: `${home.machine.name}${number}`, lines: dice.between(0, 120) };
    });
    jobs.set(home, many);
    await home.begin(many.map((job) => command(job.name, lineOf(folder, job), { pool: 'gpu' })));
  }
  for (let count = dice.between(1, 3); count > 0; count--)
    report.told.push(await assault(pool, dice, campaign));
  const calmAt = Date.now();
  for (const home of homes) await judge(home, jobs.get(home) as readonly Job[], calmAt, report);
  const marks = filesOf(folder, 'started.');
  report.launches = marks.size;
  for (const [, twice] of filesOf(folder, 'doubled'))
    report.complaints.push(`started again: ${twice.trim().replaceAll('\n', ', ')}`);
  const left = (): readonly number[] => [
    ...[...marks.values()].map(Number).filter(isAlive),
    ...hosts.flatMap(({ machine }) => machine.processes.filter(isWrapper)).map(({ pid }) => pid),
  ];
  await until(
    () => left().length === 0,
    () => `the end of every process of an agent: ${left()}`,
  );
}

/** Whether the session has a true end, and whether it was adopted in time. */
async function judge(home: Home, jobs: readonly Job[], calmAt: number, report: Report): Promise<void> {
  const { machine, session } = home;
  let last = '';
  const status = await until(
    async () => {
      const now = await home.status();
      last = JSON.stringify(now.agents);
      if (terminal.has(now.state)) return now;
      // Each look is a process, of which several campaigns beside each other have many.
      await sleep(1_000);
      return null;
    },
    () => `the end of the session of ${machine.name}: ${last}`,
  );
  const events = await eventsOf(home);
  for (const { name, state, failure } of status.agents) {
    report.ends.push(state === 'failed' ? (failure?.kind ?? 'failed without a reason') : state);
    const job = jobs.find((each) => each.name === name) as Job;
    if (!terminal.has(state)) report.complaints.push(`${name} is ${state} although its session has ended`);
    else if (state === 'failed' && !isExcused(failure, report.told))
      report.complaints.push(`${name} failed for nothing: ${JSON.stringify(failure)}`);
    else if (state === 'completed') {
      const log = await machine.maos('logs', session, name, '--raw', '--stream', 'stdout');
      const over = statSync(join(machine.folder, `over.${name}`)).mtimeMs;
      const known = events.find(({ type, data }) => type === 'agent.completed' && data.name === name);
      report.lags.push(Math.max(0, Math.round(Date.parse(known?.at ?? '') - Math.max(over, calmAt))));
      if (log !== printed(job)) report.complaints.push(`the output of ${name} is not what it printed`);
    }
  }
  await machine.maos('audit', 'verify', session);
  adoptionsOf(home, events, report);
}

interface ToldEvent {
  readonly at: string;
  readonly type: string;
  readonly data: { readonly name?: string };
}

async function eventsOf({ machine, session }: Home): Promise<readonly ToldEvent[]> {
  const lines = (await machine.maos('events', session, '--json')).trim().split('\n');
  return lines.map((line): ToldEvent => JSON.parse(line));
}

/** Only what was killed or given up may fail. */
function isExcused(failure: { readonly kind?: string } | undefined, told: readonly string[]): boolean {
  return failure?.kind === 'lost' || told.includes('a wrapper is killed');
}

/** After each kill of its process, the next events of a session are that it was taken over, and soon. */
function adoptionsOf({ machine, deaths }: Home, events: readonly ToldEvent[], report: Report): void {
  for (const [index, { killedAt, calledAt, crowd }] of deaths.entries()) {
    const diesAgain = deaths[index + 1]?.killedAt ?? Number.POSITIVE_INFINITY;
    const first = events.find(({ at }) => Date.parse(at) > killedAt);
    // It had ended before.
    if (first === undefined) continue;
    const at = Date.parse(first.at);
    if (first.type !== 'session.taken_over')
      report.complaints.push(`${machine.name} went on without an owner: ${first.type}`);
    const tookMs = Math.min(at, diesAgain) - calledAt;
    if (at < diesAgain) report.adoptions.push(tookMs);
    if (tookMs > adoptionMs * crowd)
      report.complaints.push(`${machine.name} was adopted after ${tookMs} ms, ${crowd} processes a core`);
  }
}

/** @returns the exit status */
export async function hostsCampaign(campaign: HostsCampaign): Promise<number> {
  const { launcher, seed, rounds, only, isPatient, say } = campaign;
  say(`chaos with hosts: seed ${seed}, ${rounds} rounds`);
  const made = Network.make();
  const network = made instanceof Network ? made : null;
  if (network !== null) process.once('exit', () => Network.remove());
  if (!(made instanceof Network)) say(`chaos with hosts: all on loopback: ${made}`);
  else if (made.calm !== null) say(`chaos with hosts: links are cut, without delay and loss: ${made.calm}`);
  const begunAt = performance.now();
  const seconds = (): number => Math.round((performance.now() - begunAt) / 1000);
  const reports: Report[] = [];
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(signal));
  const { signal: over } = interrupted;
  const interruption = once(over, 'abort');
  for (let round = only ?? 1; round <= (only ?? rounds) && seconds() < campaign.seconds; round++) {
    const report: Report = {
      told: [],
      complaints: [],
      ends: [],
      adoptions: [],
      lags: [],
      launches: 0,
      apart: 0,
      weather: null,
    };
    // Every round has its own seed, so that it can be repeated without the earlier ones.
    const dice = new SeededRandom(seed + round * 0x9e3779b1);
    const isApart = dice.chance(0.5) && network !== null;
    const pool = await Pool.open(launcher, { lostAfterMinutes }, isApart ? network : null);
    if (isApart) report.weather = network.disturb(pool.places, dice);
    const played = play(pool, dice, campaign, report).catch((error) => {
      report.complaints.push(error instanceof Error ? error.message : String(error));
    });
    await Promise.race([played, interruption]);
    const isCut = over.aborted;
    const isKept = !isCut && report.complaints.length > 0;
    await pool.close(isKept);
    if (isCut) break;
    reports.push(report);
    if (isKept || campaign.isVerbose) {
      const where = report.weather === null ? '' : `, in namespaces ${report.weather}`.trimEnd();
      say(`round ${round}, ${seconds()} s${where}: ${report.told.join(', ')}`);
    }
    for (const complaint of report.complaints) say(`  VIOLATION: ${complaint}`);
    if (isKept)
      say(
        `  kept: ${pool.folder}; again: npm run chaos -- --hosts${isPatient ? '' : ' --short'} --seed ${seed} --only ${round}`,
      );
  }
  for (const line of summary(reports)) say(`chaos with hosts: ${line}`);
  say(`chaos with hosts: seed ${seed}, ${seconds()} s${over.aborted ? ', interrupted' : ''}`);
  const isGood = reports.every(({ complaints }) => complaints.length === 0);
  // What an interrupted round still waits for must not keep it.
  if (over.aborted) process.exit(isGood ? 130 : 1);
  return isGood ? 0 : 1;
}

function summary(reports: readonly Report[]): readonly string[] {
  const counted = (all: readonly string[]): string => {
    const counts = Object.entries(Object.groupBy(all, (each) => each)).map(
      ([what, those]) => [what, those?.length ?? 0] as const,
    );
    return (
      counts
        .sort((a, b) => b[1] - a[1])
        .map(([what, count]) => `${what} ${count}`)
        .join(', ') || 'none'
    );
  };
  const adoptions = reports.flatMap((each) => each.adoptions).sort((a, b) => a - b);
  const lags = reports.flatMap((each) => each.lags).sort((a, b) => a - b);
  const launches = reports.reduce((sum, each) => sum + each.launches, 0);
  const bound = `${adoptions.length} adoptions of sessions, median ${adoptions[adoptions.length >> 1] ?? 0} ms, at most ${adoptions.at(-1) ?? 0} ms`;
  return [
    `${reports.length} rounds, ${reports.filter(({ weather }) => weather !== null).length} of them with hosts in network namespaces, ${reports.reduce((sum, each) => sum + each.apart, 0)} hosts with clocks apart, ${launches} launches; agents: ${counted(reports.flatMap(({ ends }) => ends))}`,
    `assaults: ${counted(reports.flatMap(({ told }) => told))}`,
    `ends known at home after everything was back: median ${lags[lags.length >> 1] ?? 0} ms, 9 of 10 within ${lags[Math.floor(0.9 * lags.length)] ?? 0} ms, at most ${lags.at(-1) ?? 0} ms`,
    `${bound}; violations ${reports.reduce((sum, each) => sum + each.complaints.length, 0)}`,
  ];
}

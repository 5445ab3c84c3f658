import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';
import { SeededRandom } from './dice.ts';

/*
 * A campaign outside `npm test`: `npm run chaos -- --hosts`.
 */

const rounds = Number(process.env.MAOS_CHAOS_ROUNDS ?? 100);
const seed = Number(process.env.MAOS_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
const only = process.env.MAOS_CHAOS_ONLY;
const untilMs =
  performance.now() + Number(process.env.MAOS_CHAOS_SECONDS ?? Number.POSITIVE_INFINITY) * 1_000;

/** Short, so that a host that sleeps is given up. */
const lostAfterMinutes = 0.1;
const terminal = new Set(['completed', 'failed', 'cancelled']);

interface Job {
  readonly name: string;
  readonly lines: number;
}

const printed = ({ name, lines }: Job): string =>
  Array.from({ length: lines }, (_, line) => `${name} line ${line}\n`).join('');

/** Leaves a file that only one launch of an attempt can make, and one with its pid. */
function lineOf(folder: string, { name, lines }: Job): string {
  const mark = `'${folder}/started.${name}.'$MAOS_AGENT_ATTEMPT`;
  const begin = `( set -C; echo $$ > ${mark} ) 2>/dev/null || echo again >> '${folder}/doubled'`;
  return `${begin}; i=0; while [ $i -lt ${lines} ]; do echo "${name} line $i"; i=$((i+1)); sleep 0.05; done`;
}

/** What is done to the machines, each at its moment. */
class Assaults {
  readonly told: string[] = [];
  readonly #machines: Machines;
  readonly #dice: SeededRandom;
  #home: ChildProcess | null;

  constructor(machines: Machines, dice: SeededRandom, home: ChildProcess) {
    this.#machines = machines;
    this.#dice = dice;
    this.#home = home;
  }

  async one(): Promise<void> {
    const dice = this.#dice;
    await sleep(dice.between(0, 2_000));
    const kind = dice.weighted({
      'the host is killed': 3,
      'the host sleeps': 2,
      'the server is killed': 3,
      'the home is killed': 2,
      'a wrapper is killed': 1,
    });
    this.told.push(kind);
    const awayMs = dice.between(0, dice.chance(0.2) ? 9_000 : 1_500);
    if (kind === 'the host is killed') {
      await this.#machines.killHost();
      await sleep(awayMs);
      await this.#machines.startHost();
    } else if (kind === 'the host sleeps') {
      this.#machines.signalHost('SIGSTOP');
      await sleep(awayMs);
      this.#machines.signalHost('SIGCONT');
    } else if (kind === 'the server is killed') {
      await this.#machines.server.kill();
      await sleep(awayMs);
      await this.#machines.server.run();
    } else if (kind === 'the home is killed') {
      await this.killHome();
    } else {
      const [first] = readdirSync(this.#machines.folder).filter((name) => name.startsWith('started.'));
      if (first === undefined) return;
      const pid = Number(readFileSync(join(this.#machines.folder, first), 'utf8'));
      const wrapper = pid > 0 && isAlive(pid) ? parentOf(pid) : 0;
      if (wrapper > 1) process.kill(wrapper, 'SIGKILL');
    }
  }

  /** The next command at home adopts the session. */
  async killHome(): Promise<void> {
    const home = this.#home;
    this.#home = null;
    if (home === null || home.exitCode !== null || home.signalCode !== null) return;
    home.kill('SIGKILL');
    await once(home, 'exit');
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

async function play(
  t: TestContext,
  dice: SeededRandom,
): Promise<{ complaints: string[]; told: string[]; state: string }> {
  const machines = await Machines.start(t);
  const { folder } = machines;
  machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes } });
  await machines.startHost('--slots', '3');
  const jobs = Array.from(
    { length: dice.between(1, 3) },
    (_, number): Job => ({ name: `far${number}`, lines: dice.between(0, 60) }),
  );
  const plan = machines.plan(jobs.map((job) => command(job.name, lineOf(folder, job), { pool: 'gpu' })));
  const home = machines.spawn('home', 'run', plan);
  const id = await until(() => /sess_[0-9A-Z]{26}/.exec(machines.latest())?.[0], 'the session');
  const assaults = new Assaults(machines, dice, home);
  for (let count = dice.between(1, 3); count > 0; count--) await assaults.one();
  const state = await until(
    async () => {
      const status = await machines.status(id);
      return terminal.has(status.state) ? status : null;
    },
    `the end; ${assaults.told.join(', ')}`,
  );
  const complaints: string[] = [];
  if (existsSync(join(folder, 'doubled'))) complaints.push('an attempt was started twice');
  for (const job of jobs) {
    const agent = state.agents.find(({ name }: { name: string }) => name === job.name);
    if (agent.state === 'completed' && (await machines.log(id, job.name)) !== printed(job))
      complaints.push(`the output of ${job.name} is not what it printed`);
    if (!terminal.has(agent.state))
      complaints.push(`${job.name} is ${agent.state} although its session has ended`);
  }
  const pids = readdirSync(folder)
    .filter((name) => name.startsWith('started.'))
    .map((name) => Number(readFileSync(join(folder, name), 'utf8')));
  await until(() => pids.every((pid) => !isAlive(pid)), `the end of every process: ${pids}`);
  await assaults.killHome();
  return { complaints, told: assaults.told, state: state.state };
}

it(`teams over two machines, of which everything is killed at random (seed ${seed})`, {
  timeout: 86_400_000,
}, async (t) => {
  const ends = new Map<string, number>();
  const done = new Map<string, number>();
  let played = 0;
  for (
    let round = Number(only ?? 1);
    round <= Number(only ?? rounds) && performance.now() < untilMs;
    round++
  ) {
    const how = `npm run chaos -- --hosts --seed ${seed} --only ${round}`;
    // Each round cleans up after itself.
    await t.test(`round ${round}`, async (inner) => {
      const { complaints, told, state } = await play(inner, new SeededRandom(seed + round * 0x9e3779b1));
      ends.set(state, (ends.get(state) ?? 0) + 1);
      for (const kind of told) done.set(kind, (done.get(kind) ?? 0) + 1);
      assert.deepEqual(complaints, [], `${how}\n${told.join(', ')}`);
    });
    played += 1;
  }
  const counted = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([what, times]) => `${what} ${times}`).join(', ');
  t.diagnostic(`${played} rounds, seed ${seed}: ${counted(ends)}; ${counted(done)}`);
});

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { awaitCompletion, orchestrate } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const program = fileURLToPath(new URL('../floor/asking-agent.mjs', import.meta.url));
const patienceMs = 60_000;

/** Milliseconds of each round. */
interface Samples {
  readonly heard: number[];
  readonly visible: number[];
  readonly answered: number[];
}

/** From one process that sends and answers, through the MAOS that runs the team, to the agent's CLI and back. */
export const liveInput: Row = {
  name: 'live',
  measure: async (options) => {
    const rounds = options.quick ? 3 : 50;
    const claude = (place: Workplace): string => {
      const path = join(place.project, 'claude');
      writeFileSync(
        path,
        `#!/bin/sh\nASKING_ROUNDS=${rounds} exec '${process.execPath}' '${program}' "$@"\n`,
      );
      chmodSync(path, 0o755);
      return path;
    };
    return inWorkplace({}, async (place) => measure(place, claude(place), rounds, options));
  },
};

async function measure(
  place: Workplace,
  path: string,
  rounds: number,
  { say }: BenchOptions,
): Promise<readonly Measurement[]> {
  say('messages to a working agent, and what it asks');
  const floor = await alone(place, path, rounds);
  const maos = await throughMaos(place, path, rounds);
  const shared = { unit: 'ms', basis: 'value' } as const;
  const second = { must: { p95: 1_000 }, aim: { p95: 250 } } as const;
  const floorOf = (samples: readonly number[]) => ({
    is: 'the same lines through pipes',
    summary: summarize(samples),
  });
  return [
    {
      what: 'message sent → in the conversation of an agent that works',
      maos: summarize(maos.heard),
      floor: floorOf(floor.heard),
      ...{ must: { p95: 5_000 }, aim: { p95: 1_000 } },
      ...shared,
    },
    {
      what: 'permission asked by a CLI → `wait-session` at another server has told of it',
      maos: summarize(maos.visible),
      floor: floorOf(floor.visible),
      ...second,
      ...shared,
    },
    {
      what: 'permission answered at another server → the CLI goes on',
      maos: summarize(maos.answered),
      floor: floorOf(floor.answered),
      ...second,
      ...shared,
    },
  ];
}

async function throughMaos(place: Workplace, path: string, rounds: number): Promise<Samples> {
  const config = { backends: { claude: { path } } };
  writeFileSync(join(place.home, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const owner = place.maos();
  const front = place.maos();
  await Promise.all([owner.initialize(), front.initialize()]);
  const agent = { name: 'worker', role: 'tester', task: 'Work.', backend: 'claude' };
  const id = await orchestrate(owner, { objective: 'Measure.', strategy: 'parallel', agents: [agent] });
  const samples: Samples = { heard: [], visible: [], answered: [] };
  const stamps = stampsOf(place.project);
  for (let round = 0; round < rounds; round += 1) {
    const sentAt = Date.now();
    await front.callTool('send-message', { session_id: id, to: 'worker', body: `Message ${round}.` });
    await front.callTool('wait-session', { session_id: id, timeout_seconds: 50 });
    const visibleAt = Date.now();
    const answeredAt = Date.now();
    await front.callTool('respond', { request_id: 'latest', decision: 'allow' });
    samples.heard.push((await stamps.next('heard', round)) - sentAt);
    samples.visible.push(visibleAt - (await stamps.next('asked', round)));
    samples.answered.push((await stamps.next('answered', round)) - answeredAt);
  }
  await awaitCompletion(owner, id);
  return samples;
}

async function alone(place: Workplace, path: string, rounds: number): Promise<Samples> {
  const cwd = join(place.project, 'alone');
  mkdirSync(cwd);
  const child = spawn(path, [], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const write = (line: object): boolean => child.stdin.write(`${JSON.stringify(line)}\n`);
  const user = (content: string): object => ({ type: 'user', message: { role: 'user', content } });
  const samples: Samples = { heard: [], visible: [], answered: [] };
  const stamps = stampsOf(cwd);
  write(user('Work.'));
  for (let round = 0; round < rounds; round += 1) {
    const sentAt = Date.now();
    write(user(`Message ${round}.`));
    while (!(await lines.next()).value?.includes('control_request'));
    const visibleAt = Date.now();
    write({ type: 'control_response' });
    samples.heard.push((await stamps.next('heard', round)) - sentAt);
    samples.visible.push(visibleAt - (await stamps.next('asked', round)));
    samples.answered.push((await stamps.next('answered', round)) - visibleAt);
  }
  child.stdin.end();
  await exited;
  return samples;
}

/** What the agent has noted. */
function stampsOf(folder: string) {
  const file = join(folder, 'stamps');
  return {
    async next(what: string, round: number): Promise<number> {
      for (const since = Date.now(); Date.now() - since < patienceMs; await sleep(2)) {
        const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
        const found = lines.filter((line) => line.startsWith(`${what} `))[round];
        if (found !== undefined) return Number(found.slice(what.length));
      }
      throw new Error(`The agent has not noted '${what}' number ${round + 1}.`);
    },
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NatsServer } from '../../test/helpers/nats-server.ts';
import { cpuTimeMs, residentMb } from '../machine.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { awaitCompletion, orchestrate, readEvents, teamOf, timesOf } from '../teams.ts';
import { inWorkplace, launcher, type Workplace } from '../workplace.ts';

/** Prints when it runs, in Unix milliseconds. */
const clockProgram = ['date', '+%s%3N'];
const pool = 'bench';
/** Until they are all started, which they must be long before they end. */
const mostStartMs = 300_000;

/** What an agent on another machine costs over a local one; both machines are this one, so that the network costs nothing. */
export const remote: Row = {
  name: 'remote',
  async measure(options) {
    const cleanUps: (() => Promise<void>)[] = [];
    const server = await NatsServer.start({ after: (cleanUp) => void cleanUps.push(cleanUp) });
    try {
      return await inWorkplace({}, (far) =>
        inWorkplace(
          { remote: { url: server.url }, maxConcurrentAgents: { machine: 100, session: 100 } },
          async (place) => {
            const host = await startHost(far, server.url, options.quick ? 20 : 100);
            try {
              return await measure(place, host, options);
            } finally {
              host.kill('SIGTERM');
              await once(host, 'exit');
            }
          },
        ),
      );
    } finally {
      for (const cleanUp of cleanUps) await cleanUp();
    }
  },
};

async function startHost(far: Workplace, url: string, slots: number): Promise<ChildProcess> {
  const args = ['host', '--nats', url, '--pool', pool, '--name', 'bench', '--slots', String(slots)];
  const env = far.environment();
  const host = spawn(launcher, args, { cwd: far.project, env, stdio: ['ignore', 'ignore', 'pipe'] });
  await once(host.stderr as NodeJS.ReadableStream, 'data');
  return host;
}

async function measure(
  place: Workplace,
  host: ChildProcess,
  { quick, say }: BenchOptions,
): Promise<readonly Measurement[]> {
  const client = place.maos();
  await client.initialize();
  say('starts');
  const starts = await startsOf(place, client, quick ? 1 : 4);
  say('output');
  const lag = {
    here: await lagOf(place, client, false, quick),
    there: await lagOf(place, client, true, quick),
  };
  const count = quick ? 20 : 100;
  say(`${count} agents at once`);
  const many = await manyOf(place, client, host, count);
  return [
    {
      what: '`agent.started` → its program runs, on another machine',
      unit: 'ms',
      maos: summarize(starts.there),
      floor: { is: 'the same program as a local agent', summary: summarize(starts.here) },
      basis: 'difference',
      must: { typical: 250 },
      aim: { typical: 50 },
    },
    {
      what: 'a line printed there → in the log at home',
      unit: 'ms',
      maos: summarize(lag.there),
      floor: { is: 'the same program as a local agent', summary: summarize(lag.here) },
      basis: 'value',
      must: { worst: 500 },
      aim: { worst: 100 },
    },
    ...many,
  ];
}

function teamIn(count: number, command: readonly string[], isRemote: boolean) {
  const team = teamOf(count, command, 'sequential');
  return isRemote ? { ...team, agents: team.agents.map((agent) => ({ ...agent, pool })) } : team;
}

async function startsOf(place: Workplace, client: StdioClient, sessions: number) {
  const found = { here: [] as number[], there: [] as number[] };
  for (let session = 0; session <= sessions; session += 1) {
    for (const where of ['here', 'there'] as const) {
      const id = await orchestrate(client, teamIn(10, clockProgram, where === 'there'));
      await awaitCompletion(client, id);
      const ran = logsOf(place, id).map(({ text }) => Number(text));
      const started = timesOf(readEvents(place, id), 'agent.started');
      // The first session warms up.
      if (session === 0) continue;
      ran.sort((a, b) => a - b);
      found[where].push(...ran.map((at, index) => at - (started[index] as number)));
    }
  }
  return found;
}

/** Every line's way into the log at home, which is looked at every few milliseconds. */
async function lagOf(
  place: Workplace,
  client: StdioClient,
  isRemote: boolean,
  quick: boolean,
): Promise<number[]> {
  const lines = quick ? 40 : 400;
  const line = `i=0; while [ $i -lt ${lines} ]; do date +%s%3N; i=$((i+1)); sleep 0.02; done`;
  const id = await orchestrate(client, teamIn(1, ['sh', '-c', line], isRemote));
  const lags: number[] = [];
  while (lags.length < lines) {
    const text = logsOf(place, id)[0]?.text ?? '';
    const seen = text.split('\n').slice(lags.length, -1);
    for (const at of seen) lags.push(Date.now() - Number(at));
    await sleep(2);
  }
  await awaitCompletion(client, id);
  return lags;
}

/** The stdout of every agent of a session, as at home. */
function logsOf(place: Workplace, id: string): readonly { readonly text: string }[] {
  const projects = join(place.home, 'projects');
  const paths = readdirSync(projects, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.includes(id) && path.endsWith('stdout.log'),
  );
  return paths.map((path) => ({ text: readFileSync(join(projects, path), 'utf8') }));
}

async function manyOf(
  place: Workplace,
  client: StdioClient,
  host: ChildProcess,
  count: number,
): Promise<readonly Measurement[]> {
  const team = teamOf(count, ['sleep', '600']);
  const agents = team.agents.map((agent) => ({ ...agent, pool }));
  const id = await orchestrate(client, { ...team, agents });
  const since = performance.now();
  for (;;) {
    const spawned = timesOf(readEvents(place, id), 'agent.spawned').length;
    if (spawned === count) break;
    if (performance.now() - since > mostStartMs)
      throw new Error(
        `only ${spawned} of ${count} agents were started within ${mostStartMs / 60_000} minutes`,
      );
    await sleep(200);
  }
  await sleep(2_000);
  const pids = { home: client.pid, host: host.pid as number };
  const before = { home: cpuTimeMs(pids.home), host: cpuTimeMs(pids.host), at: performance.now() };
  await sleep(10_000);
  const tookMs = performance.now() - before.at;
  const rest = { floor: null, basis: 'value', must: null, aim: null } as const;
  const measured = (['home', 'host'] as const).flatMap((side): Measurement[] => [
    {
      what: `${count} agents on another machine: processor of MAOS, ${side}`,
      unit: '%',
      maos: summarize([((cpuTimeMs(pids[side]) - before[side]) / tookMs) * 100]),
      ...rest,
    },
    {
      what: `${count} agents on another machine: memory of MAOS, ${side}`,
      unit: 'MB',
      maos: summarize([residentMb(pids[side])]),
      ...rest,
    },
  ]);
  await client.ask('control-session', { session_id: id, action: 'cancel' });
  return measured;
}

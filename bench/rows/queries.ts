import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { storeSessions } from '../sample-sessions.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const warmUps = 50;

/** Reading tools in a project with a long history. */
export const queries: Row = {
  name: 'queries',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const count = quick ? 500 : 10_000;
  say(`storing ${count} sessions`);
  const ids = storeSessions(place, count);
  const first = await firstCalls(place, ids, quick ? 2 : 10);

  const maos = place.maos();
  const raw = place.rawServer();
  await maos.initialize();
  await raw.initialize();
  const times = { status: [] as number[], list: [] as number[], echo: [] as number[] };
  const rounds = quick ? 100 : 1_000;
  for (let round = -warmUps; round < rounds; round += 1) {
    const id = ids[Math.floor(Math.random() * ids.length)] as string;
    const turn = {
      status: await timed(() => askStatus(maos, id)),
      list: await timed(() => askList(maos, count)),
      echo: await timed(() => raw.callTool('echo', { text: id })),
    };
    if (round < 0) continue;
    for (const name of ['status', 'list', 'echo'] as const) times[name].push(turn[name]);
  }
  const floor = { is: 'raw echo tool', summary: summarize(times.echo) };
  const limits = {
    floor,
    basis: 'value',
    must: { typical: 2, worst: 10 },
    aim: { typical: 0.5, worst: 2 },
  } as const;
  const stored = `${count.toLocaleString('en')} sessions stored`;
  return [
    { what: `\`session-status\`, ${stored}`, unit: 'ms', maos: summarize(times.status), ...limits },
    { what: `\`list-sessions\`, ${stored}`, unit: 'ms', maos: summarize(times.list), ...limits },
    {
      what: 'the first `session-status` of a server',
      unit: 'ms',
      maos: summarize(first),
      floor: null,
      basis: 'value',
      must: null,
      aim: null,
    },
  ];
}

async function firstCalls(place: Workplace, ids: readonly string[], servers: number): Promise<number[]> {
  const times: number[] = [];
  for (let server = 0; server < servers; server += 1) {
    const client = place.maos();
    await client.initialize();
    times.push(await timed(() => askStatus(client, ids[server] as string)));
    await client.close();
  }
  return times;
}

async function askStatus(client: StdioClient, id: string): Promise<void> {
  const answer = await client.ask<{ session_id: string; state: string; agents: unknown[] }>(
    'session-status',
    {
      session_id: id,
    },
  );
  if (answer.session_id !== id || answer.state !== 'completed' || answer.agents.length !== 3) {
    throw new Error(`session-status of ${id} answered ${JSON.stringify(answer)}`);
  }
}

async function askList(client: StdioClient, stored: number): Promise<void> {
  const answer = await client.ask<{ sessions: unknown[]; next_cursor?: string }>('list-sessions', {});
  if (answer.sessions.length === 0 || (stored > 50 && answer.next_cursor === undefined)) {
    throw new Error(`list-sessions answered ${JSON.stringify(answer)}`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

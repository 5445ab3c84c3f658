import type { SessionId } from '../../src/domain/ids.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { storeSessions } from '../sample-sessions.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const warmUps = 50;

/** The reading tools in a project with a long history. */
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
  const agent = await firstAgent(maos, ids[0] as SessionId);
  const rounds = quick ? 100 : 1_000;
  const reads: Readonly<Record<string, (id: SessionId) => Promise<unknown>>> = {
    '`session-status`': (id) => askStatus(maos, id),
    '`list-sessions`': () => askList(maos, count),
    '`agent-output`': () => maos.callTool('agent-output', { agent_id: agent }),
    '`wait-session` of one that has ended': (id) => askEnd(maos, id),
    '`list-roles`': () => maos.callTool('list-roles', {}),
    'a resource, `maos://sessions/…/status`': (id) => readStatus(maos, id),
  };
  const echo: number[] = [];
  const times = new Map(Object.keys(reads).map((name) => [name, [] as number[]]));
  for (let round = -warmUps; round < rounds; round += 1) {
    const id = ids[Math.floor(Math.random() * ids.length)] as SessionId;
    const floor = await timed(() => raw.callTool('echo', { text: id }));
    if (round >= 0) echo.push(floor);
    for (const [name, read] of Object.entries(reads)) {
      const took = await timed(() => read(id));
      if (round >= 0) times.get(name)?.push(took);
    }
  }
  const floor = { is: 'raw echo tool', summary: summarize(echo) };
  const stored = `${count.toLocaleString('en')} sessions stored`;
  return [
    ...[...times].map(([name, taken]): Measurement => {
      const isLimited = name === '`session-status`' || name === '`list-sessions`';
      return {
        what: `${name}, ${stored}`,
        unit: 'ms',
        maos: summarize(taken),
        floor,
        basis: 'value',
        must: isLimited ? { typical: 2, worst: 10 } : null,
        aim: isLimited ? { typical: 0.5, worst: 2 } : null,
      };
    }),
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

async function firstAgent(client: StdioClient, id: SessionId): Promise<string> {
  const status = await client.ask<{ agents: { agent_id: string }[] }>('session-status', { session_id: id });
  return (status.agents[0] as { agent_id: string }).agent_id;
}

async function askEnd(client: StdioClient, id: SessionId): Promise<void> {
  const answer = await client.ask<{ settled: boolean }>('wait-session', { session_id: id });
  if (!answer.settled) throw new Error(`wait-session of ${id} answered ${JSON.stringify(answer)}`);
}

async function readStatus(client: StdioClient, id: SessionId): Promise<void> {
  const { contents } = await client.request('resources/read', { uri: `maos://sessions/${id}/status` });
  const [{ text }] = contents as [{ text: string }];
  const { state } = JSON.parse(text) as { state: string };
  if (state !== 'completed') throw new Error(`The resource of ${id} says ${state}.`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

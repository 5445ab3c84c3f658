import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const modern = {
  _meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  },
};
const list = { name: 'list-sessions', arguments: {} };

/** What a client of each version of MCP waits for at its start, from spawn to the answer. */
const ways: Readonly<Record<string, (client: StdioClient) => Promise<unknown>>> = {
  'spawn → `server/discover` answered (2026-07-28)': (client) => client.request('server/discover', modern),
  'spawn → `tools/list` answered (2026-07-28)': (client) => client.request('tools/list', modern),
  'spawn → `tools/list` answered (2025-11-25)': async (client) => {
    await client.initialize();
    await client.request('tools/list', {});
  },
  'spawn → first `tools/call` answered (2026-07-28)': (client) =>
    client.request('tools/call', { ...modern, ...list }),
  'spawn → first `tools/call` answered (2025-11-25)': async (client) => {
    await client.initialize();
    await client.request('tools/call', list);
  },
};

/** How long a client waits in each era of MCP; the floor answers nothing but `initialize`. */
export const eras: Row = {
  name: 'eras',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick }: BenchOptions): Promise<readonly Measurement[]> {
  const rounds = quick ? 3 : 25;
  const all = Object.entries(ways);
  const took = new Map<string, number[]>(all.map(([what]) => [what, []]));
  const raw: number[] = [];
  // The first round compiles.
  for (let round = 0; round <= rounds; round += 1) {
    // In alternating order, so that the effects of one on the next cancel out.
    for (const [what, ask] of round % 2 === 0 ? all : all.toReversed()) {
      const ms = await timed(() => place.maos(), ask);
      if (round > 0) took.get(what)?.push(ms);
    }
    const ms = await timed(
      () => place.rawServer(),
      (client) => client.initialize(),
    );
    if (round > 0) raw.push(ms);
  }
  const floor = { is: 'raw Node stdio server, `initialize`', summary: summarize(raw) };
  return all.map(([what]) => ({
    ...{ what, unit: 'ms', maos: summarize(took.get(what) ?? []), floor, basis: 'ratio' },
    // Of a first answer; there is no promise for the others.
    must: what.includes('discover') ? { typical: 1.8 } : null,
    aim: what.includes('discover') ? { typical: 1.3 } : null,
  }));
}

async function timed(
  launch: () => StdioClient,
  ask: (client: StdioClient) => Promise<unknown>,
): Promise<number> {
  const since = performance.now();
  const client = launch();
  await ask(client);
  const ms = performance.now() - since;
  await client.close();
  return ms;
}

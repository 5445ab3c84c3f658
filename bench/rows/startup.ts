import { setTimeout as sleep } from 'node:timers/promises';
import { residentMb } from '../machine.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

/** After the handshake, a server may still load modules; its memory is measured when that has ended. */
const settleMs = 300;
const warmUps = 3;

interface Start {
  readonly tookMs: number;
  readonly rssMb: number;
}

/** How long a client waits for a server to start, and how much memory the server uses then. */
export const startup: Row = {
  name: 'startup',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick }: BenchOptions): Promise<readonly Measurement[]> {
  for (let round = 0; round < warmUps; round += 1) {
    await start(() => place.maos());
    await start(() => place.rawServer());
  }
  const pairs = quick ? 4 : 30;
  const maos: Start[] = [];
  const raw: Start[] = [];
  const cold: Start[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const turns = [
      async () => maos.push(await start(() => place.maos())),
      async () => raw.push(await start(() => place.rawServer())),
    ];
    // In alternating order, so that the effects of one on the other cancel out.
    for (const turn of pair % 2 === 0 ? turns : turns.reverse()) await turn();
    if (pair % 3 === 0) cold.push(await start(() => place.coldMaos()));
  }
  const times = (starts: readonly Start[]) => summarize(starts.map(({ tookMs }) => tookMs));
  const memory = (starts: readonly Start[]) => summarize(starts.map(({ rssMb }) => rssMb));
  const floor = 'raw Node stdio server';
  return [
    {
      what: 'spawn → `initialize` answered',
      unit: 'ms',
      maos: times(maos),
      floor: { is: floor, summary: times(raw) },
      basis: 'ratio',
      must: { typical: 1.8 },
      aim: { typical: 1.3 },
    },
    {
      what: 'the same at the first start ever (nothing compiled yet)',
      unit: 'ms',
      maos: times(cold),
      floor: { is: floor, summary: times(raw) },
      basis: 'ratio',
      must: null,
      aim: null,
    },
    {
      what: 'memory after `initialize`',
      unit: 'MB',
      maos: memory(maos),
      floor: { is: floor, summary: memory(raw) },
      basis: 'ratio',
      must: { typical: 1.6 },
      aim: { typical: 1.4 },
    },
  ];
}

async function start(launch: () => StdioClient): Promise<Start> {
  const client = launch();
  const tookMs = await client.initialize();
  await sleep(settleMs);
  const rssMb = residentMb(client.pid);
  await client.close();
  return { tookMs, rssMb };
}

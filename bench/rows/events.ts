import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { awaitCompletion, orchestrate, readEvents, teamOfWaits } from '../teams.ts';
import { inWorkplace, launcher, type Workplace } from '../workplace.ts';

const ticker = fileURLToPath(new URL('../floor/ticker.mjs', import.meta.url));

/** Latency from an event's time stamp in one process until a subscriber in another process has read it. */
export const events: Row = {
  name: 'events',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const agents = quick ? 6 : 60;
  say('events across processes');
  const floor = await latencies(place, process.execPath, [ticker, String(agents * 3)]);

  const client = place.maos();
  await client.initialize();
  const reader = place.maos();
  await reader.initialize();
  // The intervals are random, so that they do not align with MAOS's own intervals.
  const team = teamOfWaits(Array.from({ length: agents }, () => Math.random() * 0.09));
  const id = await orchestrate(client, team);
  const subscribed = await subscribe(reader, id);
  const [heard] = await Promise.all([
    latencies(place, launcher, ['events', id, '--follow', '--json']),
    awaitCompletion(client, id),
  ]);
  const stored = readEvents(place, id).length;
  if (heard.count !== stored) {
    throw new Error(`Of ${stored} stored events the subscriber has heard ${heard.count}.`);
  }
  const told = await subscribed.upTo(stored);
  const shared = {
    unit: 'ms',
    floor: { is: 'stamped line through a pipe', summary: summarize(floor.late) },
    basis: 'value',
    must: { worst: 300 },
    aim: { worst: 50 },
  } as const;
  return [
    {
      what: 'event happens → `maos events -f` in another process has it',
      maos: summarize(heard.late),
      ...shared,
    },
    {
      what: 'event happens → subscriber at another server was told of it and has read it',
      maos: summarize(told),
      ...shared,
    },
  ];
}

interface SeenEvent {
  readonly seq: number;
  readonly at: string;
}

/** Subscribes to a session's events like an MCP client: reads them after each notification. */
async function subscribe(
  client: StdioClient,
  id: string,
): Promise<{ upTo(seq: number): Promise<readonly number[]> }> {
  const uri = `maos://sessions/${id}/events`;
  const late: number[] = [];
  let last = 0;
  let reading = Promise.resolve();
  let heard = (): void => {};
  const failed = Promise.withResolvers<never>();
  const read = async (isNews: boolean): Promise<void> => {
    const { contents } = await client.request('resources/read', { uri });
    const now = performance.timeOrigin + performance.now();
    const [{ text }] = contents as [{ text: string }];
    for (const { seq, at } of (JSON.parse(text) as { events: SeenEvent[] }).events) {
      if (seq <= last) continue;
      last = seq;
      if (isNews) late.push(now - Date.parse(at));
    }
    heard();
  };
  client.onNotification = ({ method }) => {
    if (method !== 'notifications/resources/updated') return;
    reading = reading.then(() => read(true));
    reading.catch(failed.reject);
  };
  await client.request('resources/subscribe', { uri });
  reading = reading.then(() => read(false));
  return {
    async upTo(seq) {
      while (last < seq) {
        const more = new Promise<void>((resolve) => {
          heard = resolve;
        });
        await Promise.race([more, failed.promise]);
      }
      await reading;
      return late;
    },
  };
}

/** The latency of each JSON line that the program prints, in milliseconds, except of events from before its start. */
async function latencies(
  place: Workplace,
  program: string,
  args: readonly string[],
): Promise<{ count: number; late: number[] }> {
  const child = spawn(program, args, {
    cwd: place.project,
    env: place.environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let firstAt: number | null = null;
  let count = 0;
  const late: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const now = performance.timeOrigin + performance.now();
    const at = Date.parse((JSON.parse(line) as { at: string }).at);
    count += 1;
    firstAt ??= now;
    if (at > firstAt) late.push(now - at);
  }
  const status = await exit;
  if (status !== 0) throw new Error(`The subscriber ended with exit status ${status}.`);
  return { count, late };
}

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { awaitCompletion, orchestrate, readEvents, teamOf } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const ticker = fileURLToPath(new URL('../floor/ticker.mjs', import.meta.url));

/** From the moment an event is stamped in one process until a subscriber has read it from another. */
export const events: Row = {
  name: 'events',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const agents = quick ? 6 : 60;
  say('events across processes');
  const floor = await latencies(place, [ticker, String(agents * 3)]);

  const client = place.maos();
  await client.initialize();
  // The times in between are random, so that no rhythm of MAOS's own is met or missed each time.
  const team = teamOf(agents, ['/bin/sh', '-c', 'sleep 0.0$(( $$ % 9 ))'], 'sequential');
  const id = await orchestrate(client, team);
  const [heard] = await Promise.all([
    latencies(place, place.command('events', id, '--follow', '--json')),
    awaitCompletion(client, id),
  ]);
  const stored = readEvents(place, id).length;
  if (heard.count !== stored) {
    throw new Error(`Of ${stored} stored events the subscriber has heard ${heard.count}.`);
  }
  return [
    {
      what: 'event happens → subscriber in another process has it',
      unit: 'ms',
      maos: summarize(heard.late),
      floor: { is: 'stamped line through a pipe', summary: summarize(floor.late) },
      basis: 'value',
      must: { worst: 300 },
      aim: { worst: 50 },
    },
  ];
}

/** How late each JSON line is that the program prints, in milliseconds, but for those from before it ran. */
async function latencies(
  place: Workplace,
  args: readonly string[],
): Promise<{ count: number; late: number[] }> {
  const child = spawn(process.execPath, args, {
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

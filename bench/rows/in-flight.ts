import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { storeSessions } from '../sample-sessions.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { orchestrate, teamOf } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const calls = 50;

/** Many simultaneous calls on one connection, as from a client with parallel calls. */
export const inFlight: Row = {
  name: 'in-flight',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const stored = quick ? 500 : 10_000;
  say(`storing ${stored} sessions`);
  const ids = storeSessions(place, stored);
  const rounds = quick ? 5 : 100;
  const maos = place.maos();
  const raw = place.rawServer();
  await maos.initialize();
  await raw.initialize();
  const pick = (): string => ids[Math.floor(Math.random() * ids.length)] as string;
  const status = (): Promise<string> => maos.callTool('session-status', { session_id: pick() });
  await status();
  const together: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    together.push(await timeAll(status));
    floor.push(await timeAll(() => raw.callTool('echo', { text: pick() })));
  }

  say(`${calls} calls waiting`);
  const id = await orchestrate(maos, teamOf(1, ['/bin/sh', '-c', 'exec sleep 600']));
  const waiting = Array.from({ length: calls }, () => waitFor(maos, id));
  const beside: number[] = [];
  const echoes: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = performance.now();
    await status();
    beside.push(performance.now() - before);
    const between = performance.now();
    await raw.callTool('echo', { text: id });
    echoes.push(performance.now() - between);
  }
  await maos.ask('control-session', { session_id: id, action: 'cancel' });
  const states = await Promise.all(waiting);
  if (states.some((state) => state !== 'cancelled'))
    throw new Error(`Waits ended with ${states.join(', ')}.`);
  const none = { unit: 'ms', basis: 'value', must: null, aim: null } as const;
  return [
    {
      what: `${calls} \`session-status\` in flight, all answered, ${stored.toLocaleString('en')} sessions stored`,
      maos: summarize(together),
      floor: { is: `${calls} raw echoes`, summary: summarize(floor) },
      ...none,
    },
    {
      what: `\`session-status\` while ${calls} \`wait-session\` are in flight`,
      maos: summarize(beside),
      floor: { is: 'raw echo tool', summary: summarize(echoes) },
      ...none,
    },
  ];
}

async function timeAll(call: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await Promise.all(Array.from({ length: calls }, call));
  return performance.now() - before;
}

async function waitFor(client: StdioClient, id: string): Promise<string> {
  return (await client.ask<{ state: string }>('wait-session', { session_id: id, timeout_seconds: 50 })).state;
}

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { awaitCompletion, orchestrate, readEvents, teamOf, trueProgram } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const agents = 3;
const warmUps = 2;

/** From the request to the response, when the team is stored durably. */
export const orchestration: Row = {
  name: 'orchestrate',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick }: BenchOptions): Promise<readonly Measurement[]> {
  const ever = await firstOf(place);
  const first: number[] = [];
  for (let server = 0; server < (quick ? 2 : 10); server += 1) first.push(await firstOf(place));
  const client = place.maos();
  await client.initialize();
  const store = makeFloor(join(place.home, 'floor.db'));
  const times: number[] = [];
  const floor: number[] = [];
  for (let round = 1 - warmUps; round <= (quick ? 5 : 60); round += 1) {
    const took = await once(place, client);
    const bare = store.write();
    if (round <= 0) continue;
    times.push(took);
    floor.push(bare);
  }
  store.close();
  const bare = { is: `one fsynced SQLite transaction of ${agents + 3} rows`, summary: summarize(floor) };
  const what = `\`orchestrate\` with ${agents} agents, answered (stored, durable)`;
  return [
    {
      what,
      unit: 'ms',
      maos: summarize(times),
      floor: bare,
      basis: 'value',
      must: { typical: 15 },
      aim: { typical: 3 },
    },
    { what: 'the first `orchestrate` of a server', maos: summarize(first), ...single },
    {
      what: 'the same at the first start ever, in a project never used before',
      maos: summarize([ever]),
      ...single,
    },
  ];
}

const single = { unit: 'ms', floor: null, basis: 'value', must: null, aim: null } as const;

async function firstOf(place: Workplace): Promise<number> {
  const client = place.maos();
  await client.initialize();
  const took = await once(place, client);
  await client.close();
  return took;
}

/** @returns the time until the answer, in milliseconds */
async function once(place: Workplace, client: StdioClient): Promise<number> {
  const before = performance.now();
  const id = await orchestrate(client, teamOf(agents, [trueProgram]));
  const took = performance.now() - before;
  const [created] = readEvents(place, id);
  if (created?.type !== 'session.created' || created.data.agents.length !== agents) {
    throw new Error(`orchestrate answered before session ${id} was stored.`);
  }
  // So that the next request finds an idle server, as a person's request does.
  await awaitCompletion(client, id);
  return took;
}

/** Writes as many rows as a new session has: the session, its agents, a phase and an event. */
function makeFloor(file: string): { write(): number; close(): void } {
  const db = new DatabaseSync(file);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT)',
  );
  const insert = db.prepare('INSERT INTO bare (text) VALUES (?)');
  const text = 'x'.repeat(300);
  return {
    write() {
      const before = performance.now();
      db.exec('BEGIN IMMEDIATE');
      for (let row = 0; row < agents + 3; row += 1) insert.run(text);
      db.exec('COMMIT');
      return performance.now() - before;
    },
    close: () => db.close(),
  };
}

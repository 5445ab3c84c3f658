import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder, workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import { openSessionStore } from '../../src/infrastructure/sqlite/session-store.ts';
import { Followers, type Heard } from '../http/follow.ts';
import { type Answered, type Kind, load, send } from '../http/load.ts';
import { HttpFloor, MaosOverHttp } from '../http/server.ts';
import { cpuTimeMs, residentMb } from '../machine.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { summarize } from '../statistics.ts';
import { teamOfWaits } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const sessions = 20;
const perSecond = 50;
const settleMs = 2_000;
/** By then, a server has released the memory of a burst. */
const restMs = 10_000;

/** Event streams and requests over HTTP while teams work. */
export const http: Row = {
  name: 'http',
  measure: (options) =>
    inWorkplace({ maxConcurrentAgents: { machine: 100 } }, (place) => measure(place, options)),
};

interface Watched {
  readonly answered: readonly Answered[];
  readonly heard: Heard;
  readonly cpuPercent: number;
  readonly idleMb: number;
  readonly loadedMb: number;
  readonly restedMb: number;
}

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  const streams = quick ? 40 : 200;
  const spanMs = quick ? 5_000 : 60_000;
  say(`${streams} streams and ${perSecond} requests/s for ${spanMs / 1_000} s, ${sessions} sessions running`);
  const maos = await watchMaos(place, streams, spanMs);
  const told = maos.heard.late.length;
  say(`${told} events in that time, none lost; the floor with as many`);
  const floor = await watchFloor(maos, streams, spanMs);
  const bare = 'bare node:http, same streams and requests, no agents';
  const none = { basis: 'value', must: null, aim: null } as const;
  return [
    {
      what: `lost or repeated of ${maos.heard.events} events in each of ${streams} streams`,
      unit: 'events',
      maos: summarize([maos.heard.lost + maos.heard.repeated]),
      floor: { is: bare, summary: summarize([floor.heard.lost + floor.heard.repeated]) },
      basis: 'value',
      must: { typical: 0 },
      aim: { typical: 0 },
    },
    {
      what: `event happens → all ${streams} subscribers have it`,
      unit: 'ms',
      maos: summarize(maos.heard.late),
      floor: { is: bare, summary: summarize(floor.heard.late) },
      ...none,
    },
    ...maos.answered.map(
      ({ kind, tookMs, meanBytes }, index): Measurement => ({
        what: `${kind.name}, ${streams} streams open`,
        unit: 'ms',
        maos: summarize(tookMs),
        floor: {
          is: `${bare}, ${Math.round(meanBytes)} bytes`,
          summary: summarize(floor.answered[index]?.tookMs ?? []),
        },
        ...none,
      }),
    ),
    {
      what: `all that at once: processor time of MAOS`,
      unit: '%',
      maos: summarize([maos.cpuPercent]),
      floor: { is: bare, summary: summarize([floor.cpuPercent]) },
      ...none,
    },
    {
      what: 'memory of MAOS over HTTP, idle',
      unit: 'MB',
      maos: summarize([maos.idleMb]),
      floor: { is: bare, summary: summarize([floor.idleMb]) },
      ...none,
    },
    {
      what: 'memory of MAOS over HTTP, after all that',
      unit: 'MB',
      maos: summarize([maos.loadedMb]),
      floor: { is: bare, summary: summarize([floor.loadedMb]) },
      ...none,
    },
    {
      what: `the same ${restMs / 1_000} s later, at rest`,
      unit: 'MB',
      maos: summarize([maos.restedMb]),
      floor: { is: bare, summary: summarize([floor.restedMb]) },
      ...none,
    },
  ];
}

async function watchMaos(place: Workplace, streams: number, spanMs: number): Promise<Watched> {
  giveCli(place);
  const maos = await MaosOverHttp.start(place);
  const followers = await Followers.open(maos.port, maos.token, streams).catch(async (error: unknown) => {
    await maos.close();
    throw error;
  });
  try {
    const idleMb = residentMb(maos.pid);
    const ids: string[] = [];
    for (let index = 0; index < sessions; index += 1) {
      const team = teamOfWaits(randomWaits((2 * (settleMs + spanMs)) / 1_000));
      ids.push((await maos.ask<{ session_id: string }>('orchestrate', team)).session_id);
    }
    const kinds = await kindsOf(maos, ids[0] as string);
    await sleep(settleMs);
    const from = Date.now();
    const cpuBefore = cpuTimeMs(maos.pid);
    const answered = await load(maos.port, kinds, { perSecond, spanMs });
    const cpuPercent = ((cpuTimeMs(maos.pid) - cpuBefore) / (Date.now() - from)) * 100;
    const to = Date.now();
    const loadedMb = residentMb(maos.pid);
    for (const session_id of ids) {
      const { state } = await maos.ask<{ state: string }>('session-status', { session_id });
      if (state !== 'running')
        throw new Error(`Session ${session_id} is ${state}: it was to run all the time.`);
      await maos.ask('control-session', { session_id, action: 'cancel' });
    }
    const last = await settledPosition(place, followers.start);
    const heard = await followers.until(last, from, to);
    if (heard.lost + heard.repeated + heard.ended > 0 || heard.events < last - followers.start)
      throw new Error(
        `Of ${last - followers.start} events each, the subscribers have: ${JSON.stringify({ ...heard, late: [] })}`,
      );
    await followers.close();
    await sleep(restMs);
    return { answered, heard, cpuPercent, idleMb, loadedMb, restedMb: residentMb(maos.pid) };
  } finally {
    await followers.close();
    await maos.close();
  }
}

/**
 * Random, so that they do not align with MAOS's own intervals.
 *
 * @returns the lengths of waits, each between 0.3 and 1.9 s, of `seconds` together or a little more
 */
function randomWaits(seconds: number): readonly number[] {
  const waits: number[] = [];
  for (let left = seconds; left > 0; left -= waits.at(-1) as number) waits.push(0.3 + Math.random() * 1.6);
  return waits;
}

async function watchFloor(maos: Watched, streams: number, spanMs: number): Promise<Watched> {
  const eventsPerSecond = Math.max(1, maos.heard.late.length / (spanMs / 1_000));
  const floor = await HttpFloor.start(eventsPerSecond, maos.heard.meanBytes - 80);
  const followers = await Followers.open(floor.port, 'none', streams).catch(async (error: unknown) => {
    await floor.close();
    throw error;
  });
  try {
    const idleMb = residentMb(floor.pid);
    const kinds = maos.answered.map(
      ({ kind, meanBytes }): Kind => ({
        ...kind,
        path: `/fixed?bytes=${Math.round(meanBytes)}`,
        ...(kind.isEnough === undefined ? {} : { isEnough: (text) => text.endsWith('"}') }),
      }),
    );
    floor.begin();
    await sleep(settleMs);
    const from = Date.now();
    const cpuBefore = cpuTimeMs(floor.pid);
    const answered = await load(floor.port, kinds, { perSecond, spanMs });
    const cpuPercent = ((cpuTimeMs(floor.pid) - cpuBefore) / (Date.now() - from)) * 100;
    const to = Date.now();
    const loadedMb = residentMb(floor.pid);
    const heard = await followers.until(await floor.stop(), from, to);
    await followers.close();
    await sleep(restMs);
    return { answered, heard, cpuPercent, idleMb, loadedMb, restedMb: residentMb(floor.pid) };
  } finally {
    await followers.close();
    await floor.close();
  }
}

/** One request of each kind, each with a check of its response. */
async function kindsOf(maos: MaosOverHttp, id: string): Promise<readonly Kind[]> {
  const { headers } = maos;
  const get = (name: string, path: string): Kind => ({ name, method: 'GET', path, headers });
  const input = [{ role: 'user', parts: [{ content: 'Wait.', content_type: 'text/plain' }] }];
  const body = JSON.stringify({ agent_name: 'tester', mode: 'async', input });
  const created = await send(maos.port, {
    name: 'POST /acp/runs',
    method: 'POST',
    path: '/acp/runs',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  const { run_id } = JSON.parse(created.text) as { run_id?: string };
  if (run_id === undefined) throw new Error(`POST /acp/runs answered ${created.status}: ${created.text}`);
  const call = {
    id: 2,
    method: 'tools/call',
    params: { name: 'session-status', arguments: { session_id: id } },
  };
  return [
    get('GET /acp/runs/ID', `/acp/runs/${run_id}`),
    get('GET /acp/agents', '/acp/agents'),
    {
      ...get('GET /events, up to its first page of old events', '/events'),
      headers: { ...headers, 'last-event-id': '0' },
      isEnough: (text) => /^id: .*\n\n/ms.test(text),
    },
    { ...maos.message(call), name: 'POST /mcp: `session-status`' },
    get('GET /health', '/health'),
  ];
}

/** ACP runs use the backend `claude`; this program, which only waits, replaces it. */
function giveCli(place: Workplace): void {
  const path = join(place.home, 'waiting-cli');
  writeFileSync(path, '#!/bin/sh\n[ "$1" = --version ] && { echo 2.0.0; exit; }\nexec sleep 600\n');
  chmodSync(path, 0o755);
  const config = {
    allowCommands: ['*'],
    maxConcurrentAgents: { machine: 100 },
    backends: { claude: { path } },
  };
  writeFileSync(join(place.home, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}

/** The last position once no more events happen and all events above `after` are stored. */
async function settledPosition(place: Workplace, after: number): Promise<number> {
  const hash = workspaceHash(place.project);
  const file = join(projectFolder(place.home, hash), 'project.db');
  const store = openSessionStore({ file, project: { hash, path: place.project } });
  try {
    for (let last = -1; ; ) {
      const now = store.feed.lastPosition();
      if (now === last) break;
      last = now;
      await sleep(1_000);
    }
    const last = store.feed.lastPosition();
    const found = store.feed.eventsAfter(after, last).length;
    if (found !== last - after) throw new Error(`The store has ${found} events of ${last - after}.`);
    return last;
  } finally {
    store.close();
  }
}

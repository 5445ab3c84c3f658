import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../../src/application/ports/ownership.ts';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import { untilFree } from '../../src/application/when-free.ts';
import type { SessionId } from '../../src/domain/ids.ts';
import { recordProgress } from '../../src/domain/running-agents.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import { systemClock } from '../../src/infrastructure/clock.ts';
import { ensureProjectFolder, workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import {
  type SessionLayout,
  sessionFolders,
  sessionLayout,
} from '../../src/infrastructure/files/home/layout.ts';
import { openSessionStore } from '../../src/infrastructure/sqlite/session-store.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { storeRunning, storeSessions } from '../sample-sessions.ts';
import { summarize } from '../statistics.ts';
import { inWorkplace, launcher, type Workplace } from '../workplace.ts';

const commitEveryMs = 20;
/** A running session retries for longer while another process holds the store. */
const patienceMs = 5_000;
const warmUps = 20;
const artifactBytes = 1024 ** 2;

/** The output of `maos gc --json` for one project. */
interface Collected {
  readonly removed: readonly { readonly session_id: string; readonly reason: string }[];
  readonly removed_bytes: number;
  readonly kept: number;
}

/** Removing a long history, and the effect on another process that runs a session. */
export const retention: Row = {
  name: 'retention',
  measure: (options) => {
    const count = options.quick ? 500 : 10_000;
    return inWorkplace({ retention: { maxSessions: count / 2 } }, (place) => measure(place, count, options));
  },
};

async function measure(
  place: Workplace,
  count: number,
  { quick, say }: BenchOptions,
): Promise<readonly Measurement[]> {
  const folder = ensureProjectFolder(place.home, workspaceHash(place.project));
  const layout = sessionLayout(folder);
  const project = { hash: workspaceHash(place.project), path: place.project };
  const store = openSessionStore({ file: join(folder, 'project.db'), project });
  try {
    say(`storing ${count} sessions with their folders`);
    // The oldest session: if it were not running, it would be removed first.
    const runner = makeRunner(store, count);
    const ended = storeSessions(place, count - 1);
    for (const id of [runner.id, ...ended]) makeFolder(layout, id);
    const oldest = ended.slice(0, count / 2);
    const artifacts = quick ? 5 : 100;
    for (let made = 0; made < artifacts; made += 1) {
      makeArtifact(layout, oldest[Math.floor((made * oldest.length) / artifacts)] as SessionId);
    }

    const alone = quick ? 25 : 250;
    await runner.commitUntil(({ length }) => length >= warmUps);
    const before = await runner.commitUntil(({ length }) => length >= alone);
    say('gc');
    const gc = startGc(place);
    const meanwhile = await runner.commitUntil(() => gc.hasEnded()).finally(() => gc.kill());
    const { tookMs, collected } = await gc.result;
    const after = await runner.commitUntil(({ length }) => length >= alone);

    assertRemoved(collected, oldest, artifacts * artifactBytes);
    assertLeft(store, layout, folder, [runner.id, ...ended.slice(count / 2)]);
    runner.assertUntouched();

    const stored = count.toLocaleString('en');
    const mebibytes = (artifacts * artifactBytes) / 1024 ** 2;
    const commits = `commit of a running session meanwhile, every ${commitEveryMs} ms`;
    const floor = [...before, ...after];
    const rest = { unit: 'ms', basis: 'value', must: null, aim: null } as const;
    return [
      {
        what: `gc of the oldest half of ${stored} sessions, ${mebibytes} MiB of results: time`,
        maos: summarize([tookMs]),
        floor: null,
        ...rest,
      },
      {
        what: commits,
        maos: summarize(meanwhile),
        floor: { is: 'the same commits without gc', summary: summarize(floor) },
        ...rest,
      },
      {
        what: 'the slowest of these',
        maos: summarize([Math.max(...meanwhile)]),
        floor: { is: 'the slowest of the same commits without gc', summary: summarize([Math.max(...floor)]) },
        ...rest,
      },
    ];
  } finally {
    store.close();
  }
}

/** The owner of a running session, which stores its agent's progress. */
function makeRunner(store: SessionStore, index: number) {
  const { lease, workflow }: { lease: Lease; workflow: Workflow } = storeRunning(store, index);
  const { id } = workflow.session;
  const agent = workflow.agents[0] as Workflow['agents'][number];
  const eventsAtFirst = store.lastSeq(id);
  let latest = workflow;
  let committed = 0;

  return {
    id,

    /** @returns the duration of each commit, in milliseconds */
    async commitUntil(isEnough: (times: readonly number[]) => boolean): Promise<readonly number[]> {
      const times: number[] = [];
      // At least once, because the summary needs a time.
      do {
        const began = performance.now();
        const activity = `Reads file ${committed + 1}.`;
        const note = { id: agent.id, activity, usage: null, conversation: null };
        const change = recordProgress(latest, [note], new Date().toISOString());
        const before = performance.now();
        await untilFree(
          systemClock,
          () => patienceMs,
          () => store.commit(lease, latest, change),
        );
        times.push(performance.now() - before);
        latest = change.next;
        committed += 1;
        await sleep(Math.max(0, commitEveryMs - (performance.now() - began)));
      } while (!isEnough(times));
      return times;
    },

    /** @throws Error when another process has changed the session */
    assertUntouched(): void {
      const events = store.maintenance.hashedEvents(id, 0, eventsAtFirst + committed + 1);
      let hash = '';
      for (const { event, hash: stored } of events) {
        hash = store.maintenance.chainHash(hash, event);
        if (hash !== stored) throw new Error(`Event ${event.seq} of the running session was changed.`);
      }
      if (events.length !== eventsAtFirst + committed) {
        throw new Error(
          `The running session has ${events.length} events, not ${eventsAtFirst} and ${committed} committed ones.`,
        );
      }
      const { session, agents } = store.load(id);
      if (session.state !== 'running' || agents.length !== workflow.agents.length) {
        throw new Error(`The running session is ${session.state} with ${agents.length} agents after gc.`);
      }
      if (store.ownerOf(id) !== lease.owner)
        throw new Error('The running session has another owner after gc.');
    },
  };
}

/** The minimal content of a session's folder, in short. */
function makeFolder(layout: SessionLayout, id: SessionId): void {
  for (const path of sessionFolders(layout, id)) mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(layout.metadata(id), `${JSON.stringify({ id })}\n`);
  writeFileSync(layout.log(id), 'x'.repeat(4_000));
}

/** A binary file, as a real agent may leave. */
function makeArtifact(layout: SessionLayout, id: SessionId): void {
  writeFileSync(join(layout.results(id), 'dump.bin'), Buffer.alloc(artifactBytes, 'maos'));
}

function startGc(place: Workplace) {
  const before = performance.now();
  const child: ChildProcess = spawn(launcher, ['gc', '--json'], {
    cwd: place.project,
    env: place.environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let ended = false;
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.once('exit', () => {
    ended = true;
  });
  const result = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(performance.now() - before);
      else reject(new Error(`gc ended with ${code ?? signal}: ${output.slice(0, 500)}`));
    });
  }).then((tookMs) => ({ tookMs, collected: parse(output) }));
  // Awaited later; until then, its failure must not count as unhandled.
  result.catch(() => {
    ended = true;
  });
  return { hasEnded: () => ended, kill: () => void (ended || child.kill('SIGKILL')), result };
}

function parse(output: string): Collected {
  const { projects } = JSON.parse(output) as { readonly projects: readonly Collected[] };
  const [collected] = projects;
  if (collected === undefined || projects.length !== 1) {
    throw new Error(`gc collected in ${projects.length} projects, not in one.`);
  }
  return collected;
}

function assertRemoved(
  { removed, removed_bytes, kept }: Collected,
  oldest: readonly SessionId[],
  leastBytes: number,
): void {
  const said = removed.map(({ session_id }) => session_id);
  if (said.length !== oldest.length || said.some((id, index) => id !== oldest[index])) {
    throw new Error(
      `gc says it removed ${said.length} sessions, and not the ${oldest.length} oldest in order.`,
    );
  }
  const other = removed.find(({ reason }) => reason !== 'count');
  if (other !== undefined)
    throw new Error(`gc removed ${other.session_id} for '${other.reason}', not 'count'.`);
  if (kept !== oldest.length) throw new Error(`gc says it kept ${kept} sessions, not ${oldest.length}.`);
  if (removed_bytes < leastBytes) {
    throw new Error(
      `gc says it removed ${removed_bytes} bytes, where the artifacts alone have ${leastBytes}.`,
    );
  }
}

/** @throws Error when the store or the folders contain other sessions than these, or parts of removed ones */
function assertLeft(
  store: SessionStore,
  layout: SessionLayout,
  projectFolder: string,
  left: readonly SessionId[],
): void {
  const expected = left.toSorted().join();
  const stored = store.maintenance.sessionAges(new Date(0).toISOString()).map(({ id }) => id);
  if (stored.toSorted().join() !== expected) {
    throw new Error(
      `After gc ${stored.length} sessions are stored, not the ${left.length} that had to be left.`,
    );
  }
  const folders = readdirSync(join(projectFolder, 'sessions'));
  if (folders.toSorted().join() !== expected) {
    throw new Error(`After gc ${folders.length} sessions have a folder, not the ${left.length} left.`);
  }
  const hollow = left.find((id) => readdirSync(layout.session(id)).length < 5);
  if (hollow !== undefined) throw new Error(`After gc the folder of ${hollow} lacks something.`);
  const trash = readdirSync(join(projectFolder, 'trash')).filter((name) => name !== 'last-collection');
  if (trash.length > 0)
    throw new Error(`gc left ${trash.length} things in its trash, ${trash[0]} among them.`);
}

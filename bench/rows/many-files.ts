import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSessionId } from '../../src/domain/ids.ts';
import { projectFolder, workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import { sessionLayout } from '../../src/infrastructure/files/home/layout.ts';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { git, makeRepository } from '../repository.ts';
import { summarize } from '../statistics.ts';
import type { StdioClient } from '../stdio-client.ts';
import { awaitCompletion, orchestrate, readEvents, timesOf } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const count = 50_000;
const patienceMs = 60_000;

/** Work in a large repository from its worktree to its proof, and a cancellation in the middle of a checkout. */
export const manyFiles: Row = {
  name: 'many-files',
  measure: (options) => inWorkplace({}, (place) => measure(place, options)),
};

async function measure(place: Workplace, { quick, say }: BenchOptions): Promise<readonly Measurement[]> {
  say(`a repository of ${count} files`);
  makeRepository(place.project, count);
  const client = place.maos();
  await client.initialize();
  const works: number[] = [];
  const floor: number[] = [];
  const cancellations: number[] = [];
  const removals: number[] = [];
  for (let round = 1; round <= (quick ? 1 : 5); round += 1) {
    floor.push(workByHand(place, round));
    works.push(await work(place, client));
    const { endedMs, goneMs } = await cancelInCheckout(place, client);
    cancellations.push(endedMs);
    removals.push(goneMs);
  }
  const files = count.toLocaleString('en-US');
  const rest = { unit: 'ms', must: null, aim: null } as const;
  return [
    {
      what: `an agent changes a file in a worktree of ${files} and is checked: start to end`,
      maos: summarize(works),
      floor: { is: 'two checkouts and a commit by `git`', summary: summarize(floor) },
      ...{ ...rest, basis: 'ratio' },
    },
    {
      what: `cancelled in the middle of a checkout of ${files} files: until the session has ended`,
      maos: summarize(cancellations),
      floor: null,
      ...{ ...rest, basis: 'value', must: { typical: 250 } },
    },
    {
      what: 'the same, until nothing is left of the checkout',
      maos: summarize(removals),
      floor: null,
      ...{ ...rest, basis: 'value' },
    },
  ];
}

function workByHand({ project, home }: Workplace, round: number): number {
  const [own, check] = [join(home, `own-${round}`), join(home, `check-${round}`)];
  const before = performance.now();
  git(project, 'worktree', 'add', '--quiet', '-b', `by-hand-${round}`, own);
  writeFileSync(join(own, 'made'), 'work\n');
  git(own, 'add', '--all');
  git(own, 'commit', '--quiet', '--message', 'Work');
  git(project, 'worktree', 'add', '--quiet', '--detach', check, `by-hand-${round}`);
  const took = performance.now() - before;
  for (const folder of [own, check]) git(project, 'worktree', 'remove', '--force', folder);
  return took;
}

async function work(place: Workplace, client: StdioClient): Promise<number> {
  const id = await orchestrate(client, teamOf({ verify: { commands: ['test -f made'] } }));
  await awaitCompletion(client, id);
  const events = readEvents(place, id);
  const [started] = timesOf(events, 'agent.started');
  const [completed] = timesOf(events, 'agent.completed');
  if (started === undefined || completed === undefined) throw new Error(`Session ${id} did no work.`);
  for (const folder of worktreesOf(place, id)) {
    git(place.project, 'worktree', 'remove', '--force', '--force', folder);
    rmSync(`${folder}.json`);
  }
  return completed - started;
}

async function cancelInCheckout(
  place: Workplace,
  client: StdioClient,
): Promise<{ readonly endedMs: number; readonly goneMs: number }> {
  const id = await orchestrate(client, teamOf({}));
  await until(() => worktreesOf(place, id).some((folder) => existsSync(join(folder, 'folder-10'))));
  const before = performance.now();
  await client.ask('control-session', { session_id: id, action: 'cancel' });
  const { state } = await client.ask<{ state: string }>('wait-session', { session_id: id });
  const endedMs = performance.now() - before;
  if (state !== 'cancelled') throw new Error(`Session ${id} is ${state}, not cancelled.`);
  await until(() => worktreesOf(place, id).length === 0);
  const goneMs = performance.now() - before;
  if (timesOf(readEvents(place, id), 'workspace.prepared').length > 0) {
    throw new Error('The checkout was over before the cancellation.');
  }
  if (git(place.project, 'worktree', 'list').includes(id)) throw new Error('git still lists the worktree.');
  return { endedMs, goneMs };
}

function teamOf(more: object) {
  const agent = { role: 'tester', name: 'worker', task: 'Run the program.' };
  const command = ['sh', '-c', 'echo work > made'];
  return {
    ...{ objective: 'Measure worktrees.', strategy: 'parallel' as const },
    agents: [{ ...agent, command, workspace: 'worktree', ...more }],
  };
}

/** The folders of worktrees that are there, or being removed. */
function worktreesOf({ home, project }: Workplace, id: string): readonly string[] {
  const agents = join(
    sessionLayout(projectFolder(home, workspaceHash(project))).session(parseSessionId(id)),
    'agents',
  );
  if (!existsSync(agents)) return [];
  return readdirSync(agents).flatMap((agent) =>
    readdirSync(join(agents, agent))
      .filter((name) => name === 'worktree' || name.startsWith('worktree.removed'))
      .map((name) => join(agents, agent, name)),
  );
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${holds}`);
    await sleep(5);
  }
}

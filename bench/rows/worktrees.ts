import { join } from 'node:path';
import type { BenchOptions, Measurement, Row } from '../measurement.ts';
import { git, makeRepository } from '../repository.ts';
import { summarize } from '../statistics.ts';
import { awaitCompletion, orchestrate, readEvents, timesOf } from '../teams.ts';
import { inWorkplace, type Workplace } from '../workplace.ts';

const manyFiles = 10_000;
const fewFiles = 200;
const branches = 20;

/** An agent's worktree over `git worktree add`. */
export const worktrees: Row = {
  name: 'worktrees',
  measure: async (options) => [await inWorkplace({}, (place) => measureWorktree(place, options))],
};

/** The landing of branches over the same merges by hand. */
export const landing: Row = {
  name: 'landing',
  measure: async (options) => [await inWorkplace({}, (place) => measureLanding(place, options))],
};

async function measureWorktree(place: Workplace, { quick, say }: BenchOptions): Promise<Measurement> {
  say(`a worktree of ${manyFiles} files`);
  makeRepository(place.project, manyFiles);
  const client = place.maos();
  await client.initialize();
  const times: number[] = [];
  const floor: number[] = [];
  const rounds = quick ? 1 : 10;
  for (let round = 0; round <= rounds; round += 1) {
    const bare = join(place.home, `bare-${round}`);
    const before = performance.now();
    git(place.project, 'worktree', 'add', '--quiet', '-b', `bare-${round}`, bare);
    const took = performance.now() - before;
    git(place.project, 'worktree', 'remove', '--force', bare);
    const id = await orchestrate(client, teamOf([['true']]));
    await awaitCompletion(client, id);
    const events = readEvents(place, id);
    const [started] = timesOf(events, 'agent.started');
    const [ready] = timesOf(events, 'workspace.prepared');
    if (started === undefined || ready === undefined) throw new Error(`Session ${id} made no worktree.`);
    // The first round warms up.
    if (round === 0) continue;
    floor.push(took);
    times.push(ready - started);
  }
  return {
    what: `worktree ready, repository of ${manyFiles.toLocaleString('en-US')} files`,
    unit: 'ms',
    maos: summarize(times),
    floor: { is: '`git worktree add`', summary: summarize(floor) },
    basis: 'ratio',
    must: { typical: 1.5 },
    aim: { typical: 1.1 },
  };
}

async function measureLanding(place: Workplace, { quick, say }: BenchOptions): Promise<Measurement> {
  say(`the landing of ${branches} branches`);
  makeRepository(place.project, fewFiles);
  const client = place.maos();
  await client.initialize();
  const times: number[] = [];
  const floor: number[] = [];
  for (let round = 1; round <= (quick ? 1 : 5); round += 1) {
    const lines = Array.from({ length: branches }, (_, index) => `echo ${round} > made-${round}-${index}`);
    const start = git(place.project, 'rev-parse', 'HEAD');
    const id = await orchestrate(client, teamOf(lines.map((line) => ['sh', '-c', line])));
    await awaitCompletion(client, id);
    floor.push(mergeByHand(place, id, start));
    const before = performance.now();
    const answer = await client.ask<{ session_id?: string }>('land-session', { session_id: id });
    if (answer.session_id === undefined) throw new Error(`Nothing lands: ${JSON.stringify(answer)}`);
    await awaitCompletion(client, answer.session_id);
    times.push(performance.now() - before);
    checkLanded(place, round);
  }
  return {
    what: `landing of ${branches} branches (without checks)`,
    unit: 'ms',
    maos: summarize(times),
    floor: { is: `${branches} times \`git merge --no-ff\``, summary: summarize(floor) },
    basis: 'ratio',
    must: { typical: 2 },
    aim: { typical: 1.2 },
  };
}

/** In a clone, so that the branches are left to MAOS. */
function mergeByHand(place: Workplace, id: string, start: string): number {
  const clone = join(place.home, `by-hand-${id}`);
  git(place.project, 'clone', '--quiet', '--shared', place.project, clone);
  git(clone, 'reset', '--quiet', '--hard', start);
  const refs = git(clone, 'for-each-ref', '--format=%(refname)', `refs/remotes/origin/maos/${id}`).split(
    '\n',
  );
  if (refs.length !== branches) throw new Error(`Session ${id} left ${refs.length} branches.`);
  const before = performance.now();
  // The machine may know no name of its user.
  const who = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.org'];
  for (const ref of refs) git(clone, ...who, 'merge', '--quiet', '--no-ff', '--no-edit', ref);
  return performance.now() - before;
}

function checkLanded(place: Workplace, round: number): void {
  const landed = git(place.project, 'ls-files', `made-${round}-*`).split('\n').length;
  if (landed !== branches) throw new Error(`Of ${branches} branches, ${landed} landed.`);
}

function teamOf(commands: readonly (readonly string[])[]) {
  const agents = commands.map((command, index) => ({
    ...{ role: 'tester', name: `agent-${index + 1}`, task: 'Run the program.' },
    ...{ command, workspace: 'worktree' },
  }));
  return { objective: 'Measure worktrees.', strategy: 'parallel' as const, agents };
}

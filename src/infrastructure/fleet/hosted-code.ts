import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commitText } from '../../application/commit-text.ts';
import type { CodeBundle, CodeSource, HostedCode, LaunchOrder } from '../../application/ports/hosting.ts';
import type { Log } from '../../application/ports/log.ts';
import type { CommitText, WorkStart, WorktreePlace } from '../../application/ports/workspaces.ts';
import type { Agent } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import { branchOf, keptRefOf } from '../../domain/worktree.ts';
import { ensureFolder } from '../files/disk/folders.ts';
import { Serial } from '../files/disk/serial.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { type BundledRef, sentRef, writeBundle } from '../git/bundle.ts';
import { fetchCommits } from '../git/fetch-commits.ts';
import { historyRefOf } from '../git/history.ts';
import { pointTo, receiveBundle } from '../git/receive-bundle.ts';
import { areReached, resolveRef } from '../git/refs.ts';
import { isBelow } from '../git/remote-url.ts';
import { remove } from '../git/remove.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { type Git, makeGit } from '../git/run-git.ts';
import { withScratch } from '../git/scratch.ts';
import { snapshot } from '../git/snapshot.ts';
import { exists, removeFolder, worktreeFolder } from '../git/worktree-places.ts';
import { stateFile } from '../git/worktree-state.ts';
import { open } from '../git/worktrees.ts';
import { unpackBrought } from './brought-files.ts';

/** How long a host keeps what agents have committed. */
const keptDays = 30;
/** Commits of homes that later orders are likely to build on. */
const keptSent = 20;

/** Keeps the code of a project in a bare repository, and the worktrees of its agents in their folders. */
export function makeHostedCode({
  layout,
  environment,
  log,
  fetchFrom,
  git = makeGit(environment),
}: {
  readonly layout: SessionLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Addresses that this host fetches from when a home names them; see `isBelow`. */
  readonly fetchFrom: readonly string[];
  readonly git?: Git;
}): HostedCode {
  const fetching = new Serial<string>();
  /** By worktree, because attempts of an agent use it one after the other. */
  const places = new Serial<string>();
  const deps = { git, layout, environment };
  const scratch = join(layout.project, 'git');
  const folder = join(layout.project, 'code.git');
  const placeOf = ({ sessionId, id, name }: Agent): WorktreePlace => ({
    ...{ repository: folder, sessionId, agentId: id, branch: branchOf(sessionId, name) },
  });

  async function repositoryFor(commit: string): Promise<Repository> {
    await ensureFolder(layout.project);
    if (!(await exists(folder))) {
      await withScratch(scratch, async (apart) => {
        const format = commit.length === 64 ? ['--object-format=sha256'] : [];
        const args = ['init', '--bare', '--quiet', '--template=', ...format, 'code.git'];
        const { status, stderr } = await git.run({ args, cwd: apart });
        if (status !== 0) throw new MaosError('INTERNAL', `git init failed on the host: ${stderr.trim()}`);
        // The rename makes it appear complete; it fails if another agent was faster.
        await rename(join(apart, 'code.git'), folder).catch(async (error: unknown) => {
          if (!(await exists(folder))) throw error;
        });
      });
    }
    return openRepository(git, folder);
  }

  /** Gets missing commits from the first remote that has them and that this host may fetch from, else from the home. */
  async function obtain(
    repository: Repository,
    { commits, blob, remotes = [] }: CodeBundle,
    source: CodeSource,
    signal: AbortSignal,
  ): Promise<void> {
    if (await areReached(repository, commits, '--all')) return;
    for (const url of remotes.filter((one) => isBelow(one, fetchFrom))) {
      const problem = await fetchCommits(repository, url, commits, scratch, signal);
      if (problem === null) return log.log('info', 'code was fetched from a remote', { url });
      log.log('warn', 'code could not be fetched from a remote', { url, problem });
    }
    const from = blob ?? (await source.ask({ commits, has: await latestSent(repository) }));
    await withScratch(scratch, async (apart) => {
      const path = join(apart, 'bundle');
      await source.getFile(from, path);
      await receiveBundle(repository, path, commits.map(sentRef), scratch);
    });
  }

  /** Removes what an earlier attempt of the agent has left here. */
  async function makeRoom({ agent, start, text }: WorktreeOrder, repository: Repository): Promise<void> {
    const place = placeOf(agent);
    const worktree = worktreeFolder(layout, place);
    const ref = `${keptRef(agent)}.earlier`;
    const left = await remove(deps, place, start.commit, ref, text);
    if (left === null) return;
    // An old worktree with files that no commit can hold is kept beside the new one.
    await rename(worktree, `${worktree}.kept.${agent.attempt}`);
    await removeFolder(worktree, await repository.commonFolder());
    await rm(stateFile(worktree), { force: true });
  }

  return {
    async open(given, source, signal) {
      const order = worktreeOrder(given);
      if (order === null) return null;
      const { agent, start, code } = order;
      const { commit, merge } = start;
      const repository = await repositoryFor(commit);
      for (const bundle of code.bundles)
        await fetching.run(folder, () => obtain(repository, bundle, source, signal));
      const place = placeOf(agent);
      const starts = commitsOf(start).map((id, at) => ({ ref: `${startRef(agent)}.${at}`, commit: id }));
      await places.run(worktreeFolder(layout, place), async () => {
        await makeRoom(order, repository);
        await pointTo(repository, [...starts, { ref: `refs/heads/${place.branch}`, commit }]);
      });
      const archive = code.brought === null ? null : await source.get(code.brought);
      const bring = async (into: string): Promise<string[]> =>
        archive === null ? [] : unpackBrought(archive, into);
      return open(deps, place, commit, agent.worktree, merge ?? undefined, signal, bring);
    },

    async take(given, put) {
      const order = worktreeOrder(given);
      if (order === null || !(await exists(folder))) return null;
      const { agent, start, text } = order;
      const ref = keptRef(agent);
      const known = commitsOf(start);
      const kept = await snapshot(deps, placeOf(agent), start.commit, ref, text, undefined, known);
      if (kept === null) return null;
      const { commit, unkept } = kept;
      const repository = await openRepository(git, folder);
      const history = await resolveRef(repository, historyRefOf(ref));
      const refs: BundledRef[] = [
        { ref, commit },
        ...(history === null ? [] : [{ ref: historyRefOf(ref), commit: history }]),
      ];
      const ids = refs.map((one) => one.commit);
      const isKnown = await areReached(repository, ids, ...known);
      if (isKnown) return { commit, history, bundle: null, unkept };
      return withScratch(scratch, async (apart) => {
        const path = join(apart, 'bundle');
        await writeBundle(repository, refs, known, path);
        return { commit, history, bundle: await put(path), unkept };
      });
    },

    async remove(given) {
      const order = worktreeOrder(given);
      if (order === null || !(await exists(folder))) return;
      const { agent, start, text } = order;
      const place = placeOf(agent);
      const repository = await openRepository(git, folder);
      await places.run(worktreeFolder(layout, place), async () => {
        // The next attempt may start here before the home confirms that it has this one's work.
        if (await hasNext(repository, agent)) return tidy(repository, [startRef(agent)]);
        const left = await remove(deps, place, start.commit, keptRef(agent), text);
        if (left === null) return tidy(repository, [`refs/heads/${place.branch}`, startRef(agent)]);
        log.log('warn', 'the worktree of an agent stays on this host', { agentId: agent.id, reason: left });
      });
    },
  };
}

interface WorktreeOrder {
  readonly agent: Agent;
  readonly start: WorkStart;
  readonly code: NonNullable<LaunchOrder['code']>;
  /** The message of the commit with its work, the same as at home. */
  readonly text: CommitText;
}

/** Null if its agent has no worktree. @throws MaosError INVALID_INPUT */
function worktreeOrder({ session, agent, start, code }: LaunchOrder): WorktreeOrder | null {
  if (agent.workspace !== 'worktree') return null;
  if (start !== null && code !== null) {
    const { id: agentId, sessionId, name, startedAt } = agent;
    const at = startedAt ?? session.createdAt;
    const text = commitText({ sessionId, agentId, name }, { subject: `maos: ${name}` }, at);
    return { agent, start, code, text };
  }
  throw new MaosError('INVALID_INPUT', `The order of agent ${agent.name} has no code for its worktree.`);
}

/** Commits that homes have sent, the youngest first. */
async function latestSent(repository: Repository): Promise<readonly string[]> {
  const args = ['--sort=-committerdate', `--count=${keptSent}`, '--format=%(objectname)', 'refs/maos/sent'];
  return (await repository.text(['for-each-ref', ...args])).split('\n').filter((id) => id !== '');
}

/** Whether a later attempt of the agent has its worktree here. */
async function hasNext(repository: Repository, { sessionId, name, attempt }: Agent): Promise<boolean> {
  const begun = keptRefOf(sessionId, name, attempt).slice(0, -`${attempt}`.length);
  const format = `--format=%(refname:lstrip=${begun.split('/').length - 1})`;
  const names = await repository.text(['for-each-ref', format, `${begun}*.start.0`]);
  return names.split('\n').some((one) => Number.parseInt(one, 10) > attempt);
}

/** Removes the given refs, those that extend their names, outdated ones, and objects that nothing needs any more. */
async function tidy(repository: Repository, over: readonly string[]): Promise<void> {
  const format = '--format=%(refname) %(committerdate:unix)';
  const listed = await repository.text(['for-each-ref', '--sort=-committerdate', format]);
  const oldest = Date.now() / 1_000 - keptDays * 86_400;
  let sent = 0;
  const gone = listed.split('\n').flatMap((line) => {
    const [ref = '', seconds] = line.split(' ');
    const isSent = ref.startsWith('refs/maos/sent/');
    if (isSent) sent += 1;
    const isOld = isSent ? sent > keptSent : ref.startsWith('refs/maos/') && Number(seconds) < oldest;
    return isOld || over.some((name) => ref === name || ref.startsWith(`${name}.`)) ? [ref] : [];
  });
  const input = gone.map((ref) => `delete ${ref}\n`).join('');
  await repository.succeed(['update-ref', '--stdin'], { input });
  await repository.run(['-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet']);
}

function commitsOf({ commit, merge, later }: WorkStart): readonly string[] {
  return [commit, ...(merge === null ? [] : [merge.theirs]), ...later];
}

function keptRef({ sessionId, name, attempt }: Agent): string {
  return keptRefOf(sessionId, name, attempt);
}

function startRef(agent: Agent): string {
  return `${keptRef(agent)}.start`;
}

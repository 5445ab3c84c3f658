import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { ListedWorktree } from '../../application/ports/work-refs.ts';
import { type AgentId, isAgentId, isSessionId } from '../../domain/ids.ts';
import { exists, ignoreMissing, isFinished, removeGitDir } from './worktree-places.ts';

/** A worktree of MAOS in a repository's list. */
export interface WorktreeEntry extends ListedWorktree {
  /** Its folder in the repository. */
  readonly gitDir: string;
  /** The folder of its session. */
  readonly sessionFolder: string;
  readonly agentId: AgentId;
}

/** Worktrees of agents, and checkouts of checks; see SessionLayout. */
const place = /^(.*\/sessions\/([^/]+))\/agents\/([^/]+)\/(?:worktree|checks\/\d+\/tree)$/s;

/** @param commonFolder the folder that all worktrees of the repository share */
export async function worktreeEntries(commonFolder: string): Promise<readonly WorktreeEntry[]> {
  const all = join(commonFolder, 'worktrees');
  const entries: WorktreeEntry[] = [];
  for (const name of (await readdir(all).catch(ignoreMissing)) ?? []) {
    const gitDir = join(all, name);
    const target = (await readFile(join(gitDir, 'gitdir'), 'utf8').catch(ignoreMissing))?.trim();
    if (target === undefined) continue;
    const folder = dirname(isAbsolute(target) ? target : resolve(gitDir, target));
    const [, sessionFolder, session = '', agent = ''] = place.exec(folder) ?? [];
    if (sessionFolder === undefined || !isSessionId(session) || !isAgentId(agent)) continue;
    entries.push({
      ...{ gitDir, folder, sessionFolder, sessionId: session, agentId: agent },
      exists: await exists(folder),
    });
  }
  return entries;
}

/** How long a git may take to make a worktree's folder in the repository, without its files. */
const makingMs = 60_000;

/**
 * Problem: a git that is killed while it adds a worktree can leave one with an empty `commondir`, on which the user's
 * `git branch` and `git worktree add` fail, or without a HEAD, on which `git gc` fails.
 * Solution: remove those of MAOS that no git can still be making. In a newer one, write into `commondir` what that git
 * is about to write.
 */
export async function mendHalfMade(commonFolder: string): Promise<void> {
  for (const { gitDir } of await worktreeEntries(commonFolder)) {
    if (await isFinished(gitDir)) continue;
    const [head = '', common] = await Promise.all(
      ['HEAD', 'commondir'].map((name) => readFile(join(gitDir, name), 'utf8').catch(ignoreMissing)),
    );
    // git begins with a HEAD of zeros.
    if (common && /[^0\n]/.test(head)) continue;
    const begun = (await stat(join(gitDir, 'gitdir')).catch(ignoreMissing))?.mtimeMs ?? 0;
    if (begun < Date.now() - makingMs) await removeGitDir(gitDir);
    else if (common === '') {
      await writeFile(join(gitDir, 'commondir'), '../..\n', { flag: 'r+' }).catch(ignoreMissing);
    }
  }
}

/** Full names of branches that a rebase or bisect is under way of: HEAD is detached meanwhile. */
export async function branchesUnderWay(commonFolder: string): Promise<ReadonlyMap<string, string>> {
  const all = join(commonFolder, 'worktrees');
  const names = (await readdir(all).catch(ignoreMissing)) ?? [];
  const branches = new Map<string, string>();
  for (const gitDir of [commonFolder, ...names.map((name) => join(all, name))]) {
    for (const file of ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START']) {
      const said = (await readFile(join(gitDir, file), 'utf8').catch(ignoreMissing))?.trim();
      if (said !== undefined) branches.set(`refs/heads/${said.replace(/^refs\/heads\//, '')}`, gitDir);
    }
  }
  return branches;
}

/** Every commit that a worktree's HEAD points to or has pointed to. */
export async function commitsOf({ gitDir }: WorktreeEntry): Promise<readonly string[]> {
  const texts = [];
  for (const file of ['HEAD', 'ORIG_HEAD', 'MERGE_HEAD', 'logs/HEAD']) {
    texts.push((await readFile(join(gitDir, file), 'utf8').catch(ignoreMissing)) ?? '');
  }
  const ids = texts.flatMap((text) => text.match(/^[0-9a-f]{40,64}\b(?: [0-9a-f]{40,64}\b)?/gm) ?? []);
  const commits = ids.flatMap((pair) => pair.split(' ')).filter((id) => !/^0+$/.test(id));
  return [...new Set(commits)];
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommitText } from '../../application/ports/workspaces.ts';
import { resolveRef } from './refs.ts';
import type { Repository } from './repository.ts';
import { ignoreMissing } from './worktree-places.ts';

/** Most parents of one commit; more would not fit into a command line. */
const mostParents = 500;

/** Files of a worktree that name commits: operations in progress, and where they came from. */
const pseudoRefs = [
  ...['ORIG_HEAD', 'MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'REBASE_HEAD', 'AUTO_MERGE'],
  ...['rebase-merge/autostash', 'rebase-merge/orig-head', 'rebase-merge/onto', 'rebase-apply/autostash'],
  ...['rebase-apply/orig-head', 'MERGE_AUTOSTASH'],
];

/** The ref that keeps what a worktree's branch and HEAD have pointed to besides the kept commit. */
export function historyRefOf(keptRef: string): string {
  return `${keptRef}.history`;
}

/**
 * Commits with all commits as ancestors that the worktree's HEAD, branch or operations have pointed to, and that `kept`
 * and the agent's other refs do not reach.
 * @param gitDir null: the worktree has lost it
 * @returns the commit; null if there is nothing to keep
 */
export async function commitHistory(
  worktree: Repository,
  gitDir: string | null,
  branch: string,
  kept: string,
  keptRef: string,
  text: CommitText,
): Promise<string | null> {
  const candidates = [
    ...(gitDir === null ? [] : await logged(worktree, 'HEAD')),
    ...(await logged(worktree, `refs/heads/${branch}`)),
    ...(gitDir === null ? [] : await named(gitDir)),
    ...(gitDir === null ? [] : await ownRefs(worktree)),
    ...[await resolveRef(worktree, branch), await resolveRef(worktree, keptRef)],
  ].filter((commit) => commit !== null);
  const wanted = new Set(candidates);
  const reached = await worktree.text(
    [
      ...['rev-list', '--ignore-missing', '--parents', '--stdin', '--not', kept],
      // It is about to point elsewhere.
      `--exclude=${keptRef}`,
      `--glob=${keptRef.slice(0, keptRef.lastIndexOf('/'))}/*`,
    ],
    { input: [...wanted, ''].join('\n') },
  );
  const commits = reached.split('\n').map((line) => line.split(' '));
  const parents = new Set(commits.flatMap(([, ...parentIds]) => parentIds));
  const tips = commits.flatMap(([id = '']) => (wanted.has(id) && !parents.has(id) ? [id] : []));
  return joined(worktree, kept, historyRefOf(keptRef), tips, { ...text, author: null });
}

/** Commits that have all tips, and what the ref kept before, as ancestors. */
async function joined(
  worktree: Repository,
  kept: string,
  ref: string,
  tips: string[],
  text: CommitText,
): Promise<string | null> {
  if (tips.length === 0) return null;
  let last = await resolveRef(worktree, ref);
  for (let at = 0; at < tips.length; at += mostParents) {
    const parents = tips.slice(at, at + mostParents).sort();
    const message = `What the worktree has pointed to besides its last commit\n\n${text.message}`;
    last = await worktree.makeCommit(`${kept}^{tree}`, last === null ? parents : [last, ...parents], {
      ...text,
      message,
    });
  }
  return last;
}

async function logged(worktree: Repository, ref: string): Promise<string[]> {
  const { status, stdout } = await worktree.run(['log', '-g', '--format=%H', ref, '--']);
  // Without the ref or its log there is nothing.
  return status === 0 ? stdout.toString().split('\n').filter(Boolean) : [];
}

async function named(gitDir: string): Promise<string[]> {
  const ids: string[] = [];
  for (const name of pseudoRefs) {
    const content = (await readFile(join(gitDir, name), 'utf8').catch(ignoreMissing)) ?? '';
    ids.push(...content.split('\n').filter((line) => /^[0-9a-f]{40,64}$/.test(line)));
  }
  return ids;
}

/** Refs that belong to this worktree alone, and go with it. */
async function ownRefs(worktree: Repository): Promise<string[]> {
  const format = '--format=%(objectname)';
  const refs = await worktree.text([
    'for-each-ref',
    format,
    'refs/worktree',
    'refs/bisect',
    'refs/rewritten',
  ]);
  return refs.split('\n').filter(Boolean);
}

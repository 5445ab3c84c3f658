import type { DiffOptions } from '../../application/ports/workspaces.ts';
import type { DiffStat } from '../../domain/worktree.ts';
import { gitError } from './git-error.ts';
import { recallMerge } from './merge-memory.ts';
import { openRepository, type Repository } from './repository.ts';
import type { Git } from './run-git.ts';
import { parseStat } from './tree-changes.ts';

/** Longest diff that is shown, in bytes. */
const maxDiff = 64 * 1024 * 1024;

/** External programs for diffs could come from the repository. */
const safely = ['--no-ext-diff', '--no-textconv'];

/** See {@link Workspaces.diff}. */
export async function diff(
  git: Git,
  folder: string,
  base: string,
  commit: string,
  { colour, stat }: DiffOptions,
): Promise<string> {
  const repository = await openRepository(git, folder);
  const args = [
    ...['diff', ...safely, colour ? '--color=always' : '--color=never'],
    ...(stat ? ['--stat'] : []),
    ...[base, commit, '--'],
  ];
  const result = await repository.run(args, { maxBytes: maxDiff, cut: true });
  if (result.status !== 0) throw gitError(args, result, folder);
  const lines = result.stdout.toString();
  return result.wasCut ? `${lines}\n… cut after ${maxDiff / 1024 / 1024} MiB\n` : lines;
}

/** See {@link Workspaces.stat}. */
export async function stat(git: Git, folder: string, base: string, commit: string): Promise<DiffStat> {
  const known = recallMerge(git, base, commit);
  return known?.stat ?? diffStat(await openRepository(git, folder), base, commit);
}

export async function diffStat(repository: Repository, base: string, commit: string): Promise<DiffStat> {
  return parseStat(await repository.text(['diff', ...safely, '--shortstat', base, commit, '--']));
}

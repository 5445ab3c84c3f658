import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files/disk/file-error.ts';
import { bytesOfName, textOfName } from '../files/disk/file-names.ts';
import { gitError } from './git-error.ts';
import type { Repository } from './repository.ts';
import type { Git, GitResult } from './run-git.ts';
import type { TreeChange } from './tree-changes.ts';

/** The tree of a merge, or the paths in conflict. */
export type MergedTree =
  | { readonly isClean: true; readonly tree: string }
  | { readonly isClean: false; readonly paths: readonly string[] };

/** Merges two commits without a checkout. */
export type MergeTrees = (bench: MergeBench, ours: string, theirs: string) => Promise<MergedTree>;

/** Where a merge runs: writes objects into the repository, and nothing else. */
export interface MergeBench {
  run(args: readonly string[], input?: string | Buffer): Promise<GitResult>;
  /** @throws MaosError unless git succeeds */
  text(args: readonly string[], input?: string | Buffer): Promise<string>;
}

/**
 * Prepares a merge in an empty folder.
 *
 * Problem: git reads attributes from the current checkout, and programs that merge from the repository's configuration.
 * Solution: a repository without configuration that shares the objects, and a working tree with nothing but the
 * attributes of `ours`, as if that commit were checked out.
 */
export async function makeBench(repository: Repository, folder: string, ours: string): Promise<MergeBench> {
  const [gitFolder, tree] = [join(folder, 'git'), join(folder, 'tree')];
  const common = await repository.commonFolder();
  await mkdir(join(gitFolder, 'refs'), { recursive: true });
  await mkdir(tree);
  await writeFile(join(gitFolder, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(join(gitFolder, 'config'), plainConfig(ours));
  await copyFile(join(common, 'shallow'), join(gitFolder, 'shallow')).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  const env = {
    GIT_DIR: gitFolder,
    GIT_WORK_TREE: tree,
    GIT_INDEX_FILE: join(folder, 'index'),
    GIT_OBJECT_DIRECTORY: join(common, 'objects'),
  };
  const run: MergeBench['run'] = (args, input) => repository.git.run({ args, cwd: tree, env, input });
  const bench: MergeBench = {
    run,
    text: async (args, input) => {
      const result = await run(args, input);
      if (result.status !== 0) throw gitError(args, result, repository.folder);
      return result.stdout.toString('latin1').replace(/\n$/, '');
    },
  };
  await checkOutAttributes(bench, repository.git, ours);
  return bench;
}

/** Of a repository without configuration. A commit's id has 64 digits where objects are named by SHA-256. */
export function plainConfig({ length }: string): string {
  const format =
    length === 64
      ? '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n'
      : '[core]\n\trepositoryformatversion = 0\n';
  return `${format}[advice]\n\tgraftFileDeprecated = false\n`;
}

/** Commits without attributes. Ids say what is in commits, so it stays true. */
const plain = new WeakMap<Git, Set<string>>();
const mostPlain = 1_000;

/** Saves a look for attributes when the next commit is merged onto this one. @param changes from `ours` to `commit` */
export function noteMerged(
  { git }: Repository,
  ours: string,
  commit: string,
  changes: readonly TreeChange[],
): void {
  const mayHaveAttributes = changes.some(({ path }) => /(?:^|\/)\.gitattributes$/.test(path));
  if (plain.get(git)?.has(ours) && !mayHaveAttributes) rememberPlain(git, commit);
}

function rememberPlain(git: Git, commit: string): void {
  const commits = plain.get(git) ?? new Set();
  plain.set(git, commits);
  if (commits.size >= mostPlain) commits.clear();
  commits.add(commit);
}

async function checkOutAttributes(bench: MergeBench, git: Git, commit: string): Promise<void> {
  if (plain.get(git)?.has(commit)) return;
  const files = (await bench.text(['ls-tree', '-r', '-z', '--full-tree', commit]))
    .split('\0')
    .filter((line) => /^100\d{3} blob .*(?:\t|\/)\.gitattributes$/s.test(line));
  if (files.length === 0) return rememberPlain(git, commit);
  // `mode blob id\tpath`, as `--index-info` reads it.
  await bench.text(['update-index', '-z', '--index-info'], Buffer.from(`${files.join('\0')}\0`, 'latin1'));
  await bench.text(['checkout-index', '--all', '--quiet']);
}

/**
 * For a merge that git itself breaks off: a link or a submodule that one side renames to where the other has something of
 * another kind fails an assertion of strategy `ort`, which looks for renames in any case. Strategy `recursive` would drop
 * one of both, but without renames it is a conflict.
 */
export const withoutRenames = ['-c', 'merge.renames=false'] as const;

/** With `git merge-tree --write-tree`, of git 2.38. */
export const mergeWithMergeTree: MergeTrees = async (bench, ours, theirs) => {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages'];
  const both = [...args, '--allow-unrelated-histories', ours, theirs];
  const result = await bench.run(both);
  if (result.status === -1) return mergeWithRecursive(bench, ours, theirs, withoutRenames);
  const [tree = '', ...paths] = result.stdout.toString('latin1').split('\0');
  if (result.status === 0) return { isClean: true, tree: tree.trim() };
  if (result.status !== 1) throw gitError(both, result, 'the repository');
  return { isClean: false, paths: conflicting(paths, ours, theirs) };
};

/**
 * With `git merge-recursive`, for an older git. Its files are in the bench's working tree.
 * @param options of git itself
 */
export async function mergeWithRecursive(
  bench: MergeBench,
  ours: string,
  theirs: string,
  options: readonly string[] = [],
): Promise<MergedTree> {
  const bases = (await bench.run(['merge-base', '--all', ours, theirs])).stdout.toString().split('\n');
  // A file that is missing in the working tree counts as unchanged, so the index is enough.
  await bench.text(['read-tree', ours]);
  const args = [...options, 'merge-recursive', ...bases.filter((id) => id !== ''), '--', ours, theirs];
  const result = await bench.run(args);
  if (result.status === 0) return { isClean: true, tree: await bench.text(['write-tree']) };
  if (result.status !== 1) throw gitError(args, result, 'the repository');
  // `mode id stage\tpath`
  const unmerged = (await bench.text(['ls-files', '--unmerged', '-z'])).split('\0');
  const paths = unmerged.map((line) => line.slice(line.indexOf('\t') + 1));
  return { isClean: false, paths: conflicting(paths, ours, theirs) };
}

/** Where a file and a folder have one name, git adds to the file's the commit that it is from, perhaps twice. */
function conflicting(paths: readonly string[], ours: string, theirs: string): readonly string[] {
  const added = new RegExp(`(?:~(?:${ours}|${theirs})(?:_\\d+)?)+$`);
  const names = paths.filter((path) => path !== '').map((path) => path.replace(added, ''));
  return [...new Set(names)].sort().map((name) => textOfName(bytesOfName(name)));
}

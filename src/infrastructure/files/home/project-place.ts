import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { canonicalProject } from './home.ts';

/** The caller's folder and its project. Both paths are canonical. */
export interface ProjectPlace {
  readonly folder: string;
  /** Path of the project; identifies the store. */
  readonly project: string;
}

/** A `.git` file and `commondir` contain a single path. */
const mostPathBytes = 16 * 1024;
const mostConfigBytes = 1024 * 1024;

/**
 * The project of a folder is its git repository. All worktrees belong to one project, identified by the top folder of
 * the main worktree, or by the repository's folder if it is bare. A submodule is its own project. Outside a repository,
 * the folder itself is the project.
 *
 * Reads the files that git documents (gitrepository-layout, gitfile) instead of starting a process, because clients
 * wait for this. Ignores GIT_DIR and similar variables: the caller's folder decides, even inside a hook.
 * @throws MaosError INVALID_INPUT as canonicalProject
 */
export function placeOf(path: string): ProjectPlace {
  const folder = canonicalProject(path);
  for (let at = folder; ; at = dirname(at)) {
    const top = repositoryTop(at);
    if (top !== null) return { folder, project: top };
    if (dirname(at) === at) return { folder, project: folder };
  }
}

/** Null when this folder is not the top of a repository. */
function repositoryTop(folder: string): string | null {
  const dotGit = join(folder, '.git');
  const found = statOf(dotGit);
  if (found?.isDirectory() === true && isGitFolder(dotGit)) return folder;
  const named = found?.isFile() === true ? gitFolderNamedIn(dotGit) : null;
  if (named === null) return isGitFolder(folder) ? mainTop(folder) : null;
  const common = readLine(join(named, 'commondir'));
  // No `commondir`: a submodule, a repository with a separate git folder, or a worktree whose repository is gone. Each
  // is its own project.
  if (common === null) return folder;
  return mainTop(resolve(named, common)) ?? folder;
}

/** The main worktree of a repository, or the repository's folder if it has none; null when it does not exist. */
function mainTop(common: string): string | null {
  const above = dirname(common);
  if (basename(common) === '.git') return canonical(above);
  const worktree = worktreeSetting(common);
  if (worktree !== null) return canonical(resolve(common, worktree)) ?? canonical(common);
  const namedAbove = gitFolderNamedIn(join(above, '.git'));
  const isNamed = namedAbove !== null && canonical(namedAbove) === canonical(common);
  return canonical(isNamed ? above : common);
}

/** What git recognises as a repository. */
function isGitFolder(path: string): boolean {
  return ['HEAD', 'objects', 'refs'].every((name) => statOf(join(path, name)) !== undefined);
}

/** The folder that a `.git` file refers to; null when it is not such a file. */
function gitFolderNamedIn(path: string): string | null {
  const named = readLine(path)?.match(/^gitdir: (.+)$/)?.[1];
  return named === undefined ? null : resolve(dirname(path), named);
}

/** `core.worktree`, which git sets for submodules. */
function worktreeSetting(common: string): string | null {
  const core = read(join(common, 'config'), mostConfigBytes)?.match(/^\s*\[core\]([^[]*)/im)?.[1];
  const value = core?.match(/^\s*worktree\s*=\s*(.+?)\s*$/im)?.[1];
  return value === undefined ? null : value.replace(/^"(.*)"$/, '$1');
}

function readLine(path: string): string | null {
  return read(path, mostPathBytes)?.replace(/\r?\n$/, '') ?? null;
}

/** Null unless it is a regular file of a sensible size; reading a pipe would never end. */
function read(path: string, mostBytes: number): string | null {
  const stats = statOf(path);
  if (stats === undefined || !stats.isFile() || stats.size > mostBytes) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No permission, or removed: git could not use it either.
    return null;
  }
}

function statOf(path: string): ReturnType<typeof statSync> {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A loop of links, or a folder without permission.
    return undefined;
  }
}

function canonical(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch {
    return null;
  }
}

import { readFile, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { WorkRef, WorkRefs } from '../../application/ports/work-refs.ts';
import { isSessionId } from '../../domain/ids.ts';
import {
  branchesUnderWay,
  commitsOf,
  mendHalfMade,
  type WorktreeEntry,
  worktreeEntries,
} from './listed-worktrees.ts';
import { openRepository, type Repository } from './repository.ts';
import { makeGit } from './run-git.ts';
import { exists, ignoreMissing, removeGitDir } from './worktree-places.ts';

const workName = /^refs\/(?:heads\/)?maos\/([^/]+)\//;

/** Each field ends with a NUL, because a folder's name may contain a line break. */
const format = ['refname', 'objectname', 'committerdate:unix', 'worktreepath']
  .map((field) => `%(${field})%00`)
  .join('');
const fieldCount = 4;

/**
 * @param deps.projectsFolder absolute: `~/.maos/projects`
 * @param deps.environment where git is found, and the user's configuration
 */
export function makeWorkRefs({
  projectsFolder,
  environment,
}: {
  readonly projectsFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): WorkRefs {
  const git = makeGit(environment);

  /** Null where nothing of MAOS can be; tells without running git, which may be missing. */
  async function open(folder: string): Promise<Repository | null> {
    return (await mayHaveWork(folder)) ? openRepository(git, folder) : null;
  }

  return {
    isRepository: async (folder) => (await commonFolderOf(folder)) !== null,

    async listRefs(folder) {
      const repository = await open(folder);
      return repository === null ? [] : listRefs(repository);
    },

    async deleteRefs(folder, refs) {
      const repository = await open(folder);
      if (repository === null || refs.length === 0) return [];
      const held = new Set(
        (await listRefs(repository)).flatMap((ref) => (ref.checkedOutIn ? [ref.name] : [])),
      );
      const free = refs.filter(({ name }) => !held.has(name));
      const left = refs.filter(({ name }) => held.has(name)).map(({ name }) => name);
      if (await deleteAll(repository, free)) return left;
      // One of them has moved, which refuses all.
      for (const ref of free) if (!(await deleteAll(repository, [ref]))) left.push(ref.name);
      return left;
    },

    async listWorktrees(folder) {
      const repository = await open(folder);
      return repository === null ? [] : worktreeEntries(await repository.commonFolder());
    },

    async forgetGone(folder) {
      const repository = await open(folder);
      if (repository === null) return;
      const common = await repository.commonFolder();
      await mendHalfMade(common);
      const home = `${(await realpath(projectsFolder).catch(ignoreMissing)) ?? projectsFolder}${sep}`;
      for (const entry of await worktreeEntries(common)) {
        // Of another home, it may be on a disk that is not there now. With its session, it may be about to be made.
        if (!entry.folder.startsWith(home) || (await exists(entry.sessionFolder))) continue;
        await keepCommits(repository, entry);
        await removeGitDir(entry.gitDir);
      }
    },

    async gitVersion() {
      const { stdout } = await git.run({ args: ['version'], cwd: '/' });
      return stdout.toString().trim().replace('git version ', '');
    },
  };
}

async function listRefs(repository: Repository): Promise<readonly WorkRef[]> {
  const listed = await repository.text([
    'for-each-ref',
    `--format=${format}`,
    'refs/heads/maos',
    'refs/maos',
  ]);
  const fields = listed.split('\0');
  const rows: { name: string; commit: string; seconds: string; folder: string }[] = [];
  for (let at = 0; at + fieldCount <= fields.length; at += fieldCount) {
    const [name = '', commit = '', seconds = '', folder = ''] = fields.slice(at, at + fieldCount);
    rows.push({ name: name.trim(), commit, seconds, folder });
  }
  const underWay = await branchesUnderWay(await repository.commonFolder());
  const others = await notLanded(
    repository,
    rows.map(({ commit }) => commit),
  );
  return rows.flatMap(({ name, commit, seconds, folder }): readonly WorkRef[] => {
    const sessionId = workName.exec(name)?.[1] ?? '';
    // Tags and files are not MAOS's.
    if (!isSessionId(sessionId) || !/^\d{1,12}$/.test(seconds)) return [];
    const committedAt = new Date(Number(seconds) * 1_000).toISOString();
    const checkedOutIn = folder === '' ? (underWay.get(name) ?? null) : folder;
    return [{ name, sessionId, commit, committedAt, isLanded: !others.has(commit), checkedOutIn }];
  });
}

/** Commits that no branch contains besides those of MAOS, here and in remotes. */
async function notLanded(repository: Repository, commits: readonly string[]): Promise<ReadonlySet<string>> {
  if (commits.length === 0) return new Set();
  const args = ['rev-list', '--stdin', '--not', '--exclude=maos/sess_*', '--branches'];
  const listed = await repository.text([...args, '--exclude=*/maos/sess_*', '--remotes'], {
    input: `${commits.join('\n')}\n`,
  });
  return new Set(listed.split('\n'));
}

/** All or none. @returns false if one points elsewhere by now */
async function deleteAll(
  repository: Repository,
  refs: readonly Pick<WorkRef, 'name' | 'commit'>[],
): Promise<boolean> {
  const input = refs.map(({ name, commit }) => `delete ${name} ${commit}\n`).join('');
  return (await repository.run(['update-ref', '--stdin'], { input })).status === 0;
}

/** Keeps what only a worktree's HEAD has pointed to. */
async function keepCommits(repository: Repository, entry: WorktreeEntry): Promise<void> {
  for (const id of await commitsOf(entry)) {
    const commit = await repository.commit(id);
    if (commit === null) continue;
    const holders = await repository.text(['for-each-ref', '--count=1', `--contains=${commit}`]);
    if (holders !== '') continue;
    const kept = `refs/maos/${entry.sessionId}/${entry.agentId}/${commit.slice(0, 12)}`;
    await repository.text(['update-ref', kept, commit]);
  }
}

async function mayHaveWork(folder: string): Promise<boolean> {
  const common = await commonFolderOf(folder);
  if (common === null) return false;
  // In a reftable, only git can look.
  if (await exists(join(common, 'reftable'))) return true;
  for (const path of ['refs/heads/maos', 'refs/maos', 'worktrees']) {
    if (await exists(join(common, path))) return true;
  }
  const packed = (await readFile(join(common, 'packed-refs'), 'utf8').catch(ignoreMissing)) ?? '';
  return /refs\/(?:heads\/)?maos\//.test(packed);
}

/** Of the top of a repository; null if the folder is not one. */
async function commonFolderOf(folder: string): Promise<string | null> {
  const dotGit = join(folder, '.git');
  const named = await readFile(dotGit, 'utf8').catch(() => null);
  const [, target] = /^gitdir: (.+)$/m.exec(named ?? '') ?? [];
  const gitDir = target === undefined ? dotGit : resolve(folder, target);
  for (const candidate of [gitDir, folder]) {
    if (!(await exists(join(candidate, 'HEAD')))) continue;
    const common = (await readFile(join(candidate, 'commondir'), 'utf8').catch(ignoreMissing))?.trim();
    return common === undefined ? candidate : resolve(candidate, common);
  }
  return null;
}

import type { BigIntStats, Stats } from 'node:fs';
import { lstat, readFile, stat } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { type RepositoryConfig, type RepositoryLocation, readConfig } from './repository-config.ts';
import type { Git } from './run-git.ts';

/** What must be known of a repository before git acts on it. */
export interface RepositoryFacts {
  readonly config: RepositoryConfig;
  /** Null: not looked for. */
  readonly folders: RepositoryFolders | null;
  /** Added to git's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Absolute. */
export interface RepositoryFolders {
  readonly gitDir: string;
  /** Shared by all worktrees. */
  readonly common: string;
  /** The folder that git finds the repository in; null: it need not look for it. */
  readonly top: string | null;
}

/** One of the files that decide what git would read, and how it was. */
interface Evidence {
  readonly path: string;
  readonly look: (path: string) => Promise<string>;
  readonly seen: string;
}

interface Remembered {
  readonly facts: RepositoryFacts;
  readonly evidence: readonly Evidence[];
  readonly until: number;
}

/** A change within this time after another may leave a file's time as it was. */
const settledMs = 2_000;
/** The user's own configuration, which is not looked at, may be this old. */
const rememberMs = 10_000;
const mostRemembered = 64;

const memories = new WeakMap<Git, Map<string, Remembered>>();

/**
 * Reads the configuration, unless it was read a moment ago and every file that decides it is still the same.
 *
 * Problem: agents change the configuration at any time, and each reading costs a process.
 * Solution: the kernel sets a file's change time, and no agent can set it back. A repository whose configuration has changed
 * just now, or includes other files, is read each time.
 *
 * @param now milliseconds of the epoch
 */
export async function readFacts(
  git: Git,
  location: RepositoryLocation,
  now: () => number = Date.now,
): Promise<RepositoryFacts> {
  const memory = memories.get(git) ?? new Map<string, Remembered>();
  memories.set(git, memory);
  const key = JSON.stringify(location);
  const remembered = memory.get(key);
  if (remembered !== undefined && now() < remembered.until && (await isSame(remembered.evidence))) {
    return remembered.facts;
  }
  memory.delete(key);
  const began = now();
  const place = await placeOf(location);
  const evidence = place === null ? null : await gather(location.cwd, place, began - settledMs);
  const [config, isThere] = await Promise.all([readConfig(git, location), isPlace(git, location, place)]);
  if (place === null || !isThere) return { config, folders: null, env: {} };
  const ceiling = place.top === null ? null : dirname(place.top);
  // What git has not found there now, it is not to find above later.
  const env = ceiling === null ? {} : { GIT_CEILING_DIRECTORIES: ceiling };
  const facts = { config, folders: place, env };
  if (evidence === null || config.includesFiles || !(await isSame(evidence))) return facts;
  if (memory.size >= mostRemembered) memory.clear();
  memory.set(key, { facts, evidence, until: began + rememberMs });
  return facts;
}

/** Where git will find the repository; null if that is not plain. */
async function placeOf({ cwd, env }: RepositoryLocation): Promise<RepositoryFolders | null> {
  // Put together for one use, so nothing of it is worth remembering.
  if (env.GIT_COMMON_DIR !== undefined) return null;
  if (env.GIT_DIR !== undefined) {
    return { gitDir: env.GIT_DIR, common: await commonOf(env.GIT_DIR), top: null };
  }
  if (Object.keys(env).length > 0) return null;
  for (let top = cwd; ; top = dirname(top)) {
    const gitDir = join(top, '.git');
    const found = await lookAt(gitDir);
    if (found?.isDirectory()) {
      const isPlain = !dirname(top).includes(delimiter) && top !== dirname(top);
      return isPlain ? { gitDir, common: await commonOf(gitDir), top } : null;
    }
    if (found !== null || (await lookAt(join(top, 'HEAD'))) !== null || top === dirname(top)) return null;
  }
}

async function commonOf(gitDir: string): Promise<string> {
  const named = await readFile(join(gitDir, 'commondir'), 'utf8').catch(() => '.');
  return resolve(gitDir, named.replace(/\n$/, ''));
}

/** Whether git finds the repository in that place too. */
async function isPlace(
  git: Git,
  { cwd, env }: RepositoryLocation,
  place: RepositoryFolders | null,
): Promise<boolean> {
  if (place === null || place.top === null) return true;
  const { stdout } = await git.run({ args: ['rev-parse', '--absolute-git-dir'], cwd, env });
  return stdout.toString() === `${place.gitDir}\n`;
}

/** @returns null if a later change might not be seen */
async function gather(
  cwd: string,
  { gitDir, common, top }: RepositoryFolders,
  settledBefore: number,
): Promise<readonly Evidence[] | null> {
  const files = [join(common, 'config'), join(gitDir, 'config.worktree'), join(gitDir, 'commondir')];
  const changed = await Promise.all(files.map(changedAt));
  if (changed.some((at) => at >= settledBefore)) return null;
  const looks = files.map((path) => ({ path, look: content }));
  if (top !== null) {
    looks.push({ path: join(top, '.git'), look: identity });
    // git looks for both in each folder on its way.
    for (let folder = cwd; folder !== top; folder = dirname(folder)) {
      for (const name of ['.git', 'HEAD']) looks.push({ path: join(folder, name), look: identity });
    }
  }
  return Promise.all(looks.map(async (one) => ({ ...one, seen: await one.look(one.path) })));
}

async function isSame(evidence: readonly Evidence[]): Promise<boolean> {
  const now = await Promise.all(evidence.map(({ path, look }) => look(path)));
  return evidence.every(({ seen }, at) => now[at] === seen);
}

async function content(path: string): Promise<string> {
  const found = await statOf(path);
  if (found === null) return 'nothing';
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** A folder's times change with every file in it. */
async function identity(path: string): Promise<string> {
  const found = await lookAt(path);
  return found === null ? 'nothing' : `${found.mode} ${found.dev} ${found.ino}`;
}

async function changedAt(path: string): Promise<number> {
  const found = await statOf(path);
  return found === null ? 0 : Number(found.ctimeMs);
}

async function statOf(path: string): Promise<BigIntStats | null> {
  return stat(path, { bigint: true }).catch(() => null);
}

function lookAt(path: string): Promise<Stats | null> {
  return lstat(path).catch(() => null);
}

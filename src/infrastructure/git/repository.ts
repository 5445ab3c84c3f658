import { realpath } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { CommitText } from '../../application/ports/workspaces.ts';
import { fileError } from '../files/disk/file-error.ts';
import { nameEncoding } from '../files/disk/file-names.ts';
import { gitError } from './git-error.ts';
import type { RepositoryConfig, RepositoryLocation } from './repository-config.ts';
import { readFacts } from './repository-facts.ts';
import type { Git, GitCommand, GitResult } from './run-git.ts';

export type RunOptions = Omit<GitCommand, 'args' | 'cwd'>;

/**
 * A repository whose configuration has been read, so that git can act on it without running programs that it names.
 * Open it anew for each operation: agents change the configuration.
 */
export interface Repository {
  /** Where git runs. */
  readonly folder: string;
  readonly git: Git;
  readonly config: RepositoryConfig;
  /** Any exit status. */
  run(args: readonly string[], options?: RunOptions): Promise<GitResult>;
  /** @throws MaosError unless it succeeds */
  succeed(args: readonly string[], options?: RunOptions): Promise<GitResult>;
  /** What git prints. @throws as `succeed` does */
  bytes(args: readonly string[], options?: RunOptions): Promise<Buffer>;
  /** The same as text, without the last newline. */
  text(args: readonly string[], options?: RunOptions): Promise<string>;
  /** What it prints with `-z`, one by one: names with every byte kept, see `file-names.ts`. */
  names(args: readonly string[], options?: RunOptions): Promise<string[]>;
  /** The full id of a commit; null if there is none. */
  commit(revision: string): Promise<string | null>;
  /** The folder that all worktrees share, absolute. */
  commonFolder(): Promise<string>;
  /** The repository's folder, in a worktree that of the worktree; absolute. */
  gitDir(): Promise<string>;
  /** The top of the checkout, absolute; null for a bare repository. */
  top(): Promise<string | null>;
  /** Makes a commit; the same one whenever it is repeated. @returns its id */
  makeCommit(tree: string, parents: readonly string[], text: CommitText): Promise<string>;
}

/** @param env names the repository where the folder alone must not, see `worktreeEnvironment` */
export async function openRepository(
  git: Git,
  folder: string,
  env: RepositoryLocation['env'] = {},
): Promise<Repository> {
  const cwd = await realpath(folder).catch((error: unknown) => {
    throw fileError(error, 'open', folder);
  });
  const { config, folders, env: lookUp } = await readFacts(git, { cwd, env });
  const { name, email } = config.committer;
  const whole = {
    ...env,
    ...lookUp,
    // A read must not wait for, nor hold, the index of people and agents.
    GIT_OPTIONAL_LOCKS: '0',
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
  };

  const run = (args: readonly string[], options: RunOptions = {}): Promise<GitResult> =>
    git.run({
      ...options,
      args: [...config.overrides, ...args],
      cwd,
      env: { ...whole, ...options.env },
    });

  async function succeed(args: readonly string[], options?: RunOptions): Promise<GitResult> {
    const result = await run(args, options);
    if (result.status !== 0) throw gitError(args, result, folder);
    return result;
  }

  const bytes = async (args: readonly string[], options?: RunOptions): Promise<Buffer> =>
    (await succeed(args, options)).stdout;

  const text = async (args: readonly string[], options?: RunOptions): Promise<string> =>
    (await bytes(args, options)).toString().replace(/\n$/, '');

  return {
    folder: cwd,
    git,
    config,
    run,
    bytes,
    text,
    succeed,
    names: async (args, options) =>
      (await bytes(args, options)).toString(nameEncoding).split('\0').slice(0, -1),
    commit: async (revision) => {
      const { status, stdout } = await run(['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]);
      return status === 0 ? stdout.toString().trim() : null;
    },
    gitDir: async () => folders?.gitDir ?? text(['rev-parse', '--absolute-git-dir']),
    top: async () => {
      const isPlain = ['core.worktree', 'core.bare'].every((key) =>
        [null, 'false'].includes(config.value(key)),
      );
      if (isPlain && folders !== null && folders.top !== null) return folders.top;
      const { status, stdout } = await run(['rev-parse', '--show-toplevel']);
      return status === 0 ? stdout.toString().replace(/\n$/, '') : null;
    },
    commonFolder: async () => {
      if (folders !== null) return folders.common;
      const common = await text(['rev-parse', '--git-common-dir']);
      return isAbsolute(common) ? common : resolve(cwd, common);
    },
    makeCommit: (tree, parents, { message, author, at }) =>
      text(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])], {
        input: message,
        env: {
          ...(author === null ? {} : { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email }),
          GIT_AUTHOR_DATE: gitDate(at),
          GIT_COMMITTER_DATE: gitDate(at),
        },
      }),
  };
}

/** Seconds of the epoch: git does not read every form of ISO 8601. */
function gitDate(at: string): string {
  return `${Math.floor(Date.parse(at) / 1_000)} +0000`;
}

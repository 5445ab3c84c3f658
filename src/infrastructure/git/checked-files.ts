import { mkdir, readdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesOfName } from '../files/disk/file-names.ts';
import { pathMatcher } from './protected-changes.ts';
import { openRepository } from './repository.ts';
import type { Git } from './run-git.ts';
import { withScratch } from './scratch.ts';
import { verifyObjects } from './verify-objects.ts';
import { worktreeEnvironment } from './worktree-places.ts';
import { indexEntries } from './worktree-status.ts';

export interface CheckedWorktree {
  readonly git: Git;
  /** See {@link withScratch}. */
  readonly scratch: string;
  readonly gitDir: string;
  readonly folder: string;
  readonly commit: string;
  /** As in `Workspaces.protect`. */
  readonly protect: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes the files of a worktree that a check is to run in.
 *
 * Problem: an agent can write what decides how a commit becomes files: attributes in `.git/info`, settings of the
 * repository, what a sparse checkout leaves out. The check would find other files than the commit has.
 * Solution: git sees a repository of links to everything but `.git/info`, with the user's settings; and protected files
 * are never left out.
 */
export async function writeCheckedFiles(checked: CheckedWorktree): Promise<void> {
  const { git, scratch, gitDir, folder, commit, protect, signal } = checked;
  await withScratch(scratch, async (linked) => {
    const common = dirname(dirname(gitDir));
    for (const name of await readdir(common)) {
      if (name !== 'info') await symlink(join(common, name), join(linked, name));
    }
    await mkdir(join(linked, 'info'));
    const env = { ...worktreeEnvironment(gitDir, folder), GIT_COMMON_DIR: linked };
    const worktree = await openRepository(git, folder, env);
    const { asUser, value } = worktree.config;
    await worktree.succeed([...asUser, 'reset', '--hard', '--quiet'], { signal });
    const entries = value('core.sparsecheckout') === 'true' ? await indexEntries(worktree, {}) : [];
    const skipped = entries.filter(({ isSkipped }) => isSkipped).map(({ path }) => path);
    const isProtected = pathMatcher(protect, worktree.config);
    const missing = skipped.filter(isProtected);
    if (missing.length > 0) {
      const input = bytesOfName(missing.map((path) => `${path}\0`).join(''));
      await worktree.succeed(['update-index', '--no-skip-worktree', '-z', '--stdin'], { input });
      await worktree.succeed([...asUser, 'checkout-index', '--force', '-z', '--stdin'], { input, signal });
    }
    // Those of a partial clone need not be there.
    const absent = new Set(skipped.filter((path) => !isProtected(path)));
    await verifyObjects(worktree, [commit], ({ path }) => !absent.has(path), signal);
  });
}

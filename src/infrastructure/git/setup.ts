import { MaosError } from '../../domain/errors.ts';
import type { WorktreeSetup } from '../../domain/worktree.ts';
import { copyFiles, ignoredOf, linkFiles } from './bring-files.ts';
import { openRepository, type Repository } from './repository.ts';
import { runSetup } from './run-setup.ts';

export interface SetupTarget {
  /** The new worktree or checkout. */
  readonly folder: string;
  readonly ports: readonly number[];
  /** Where the output of `setup` goes, see `SetupRun.record`. */
  readonly record: string;
  /** What `setup` inherits. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal | undefined;
  /** Brings files from elsewhere, because the user's checkout is on another machine. @returns as `setUp` */
  readonly bring?: ((folder: string) => Promise<string[]>) | undefined;
}

/**
 * Brings what a worktree gets besides the files of its commit, and runs its `setup`.
 * @param repository the user's, opened in any of its folders
 * @param setup null: only what `.worktreeinclude` names
 * @returns the paths that were brought, see `WorktreeState.brought`
 * @throws MaosError INVALID_INPUT
 */
export async function setUp(
  repository: Repository,
  setup: WorktreeSetup | null,
  { folder, ports, record, environment, signal, bring }: SetupTarget,
): Promise<string[]> {
  const brought: string[] = [];
  const top = await repository.top();
  const links = setup?.link ?? [];
  if (bring !== undefined) {
    brought.push(...(await bring(folder)));
  } else if (top !== null) {
    const checkout = top === repository.folder ? repository : await openRepository(repository.git, top);
    brought.push(...(await linkFiles(top, folder, links)));
    brought.push(...(await copyFiles(checkout, folder, setup?.copy ?? [], signal)));
  } else if (links.length > 0) {
    throw new MaosError(
      'INVALID_INPUT',
      'A bare repository has no checkout, so nothing can be linked from it. Take `link` out of the plan, or start in a checkout.',
    );
  }
  const line = setup?.setup ?? null;
  if (line !== null) await runSetup({ line, folder, ports, record, environment, signal });
  return brought;
}

/** Of those paths, the ones that git would commit. */
export async function notIgnored(worktree: Repository, paths: readonly string[]): Promise<string[]> {
  const ignored = new Set(await ignoredOf(worktree, paths));
  return paths.filter((path) => !ignored.has(path));
}

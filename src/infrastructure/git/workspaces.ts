import { join } from 'node:path';
import type { Workspaces } from '../../application/ports/workspaces.ts';
import { explained } from '../../application/system-error.ts';
import { Serial } from '../files/disk/serial.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { identify, type ProcessIdentity } from '../process/tree/identity.ts';
import { begin } from './begin.ts';
import { checkOut, discardCheckouts } from './checkout.ts';
import { conflictMarkers } from './conflict-markers.ts';
import { diff, stat } from './diff.ts';
import { joinCommits, squashCommit } from './join.ts';
import { type MoveDeps, moveBranch } from './move-branch.ts';
import { protect } from './protect.ts';
import { received } from './received.ts';
import { isAncestor, resolveRef } from './refs.ts';
import { remove } from './remove.ts';
import { openRepository } from './repository.ts';
import { makeGit } from './run-git.ts';
import { snapshot } from './snapshot.ts';
import { open } from './worktrees.ts';

/** git on this machine. @param deps.environment where git is found, and the user's configuration */
export function makeWorkspaces({
  layout,
  environment,
}: {
  readonly layout: SessionLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Workspaces {
  const git = makeGit(environment);
  const deps = { git, layout, environment };
  let self: Promise<ProcessIdentity> | undefined;
  const moving: MoveDeps = {
    git,
    project: layout.project,
    self: () => {
      self ??= identify(process.pid) as Promise<ProcessIdentity>;
      return self;
    },
    moves: new Serial(),
  };
  const scratch = join(layout.project, 'git');
  return explaining<Workspaces>({
    begin: (repository) => begin(git, repository),
    open: (...args) => open(deps, ...args),
    diff: (...args) => diff(git, ...args),
    conflictMarkers: (...args) => conflictMarkers(git, ...args),
    stat: (...args) => stat(git, ...args),
    resolve: async (folder, ref) => resolveRef(await openRepository(git, folder), ref),
    isAncestor: async (folder, commit, of) => isAncestor(await openRepository(git, folder), commit, of),
    join: async (folder, ...rest) => joinCommits(await openRepository(git, folder), scratch, ...rest),
    squash: async (folder, ...rest) => squashCommit(await openRepository(git, folder), scratch, ...rest),
    snapshot: (...args) => snapshot(deps, ...args),
    received: (...args) => received({ ...deps, moving }, ...args),
    remove: (...args) => remove(deps, ...args),
    protect: (...args) => protect({ ...deps, moving, scratch }, ...args),
    checkOut: (...args) => checkOut(deps, ...args),
    discardCheckouts: (...args) => discardCheckouts(deps, ...args),
    moveBranch: (...args) => moveBranch(moving, ...args),
  });
}

/** The same methods; a system error, such as that of a full disk, becomes one for people. */
function explaining<T extends object>(methods: T): T {
  const explainingOne =
    (method: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      try {
        return await method(...args);
      } catch (error) {
        throw explained(error) ?? error;
      }
    };
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, explainingOne(method)]),
  ) as T;
}

import type { Workspaces } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import type { SessionLayout } from '../files/home/layout.ts';
import { begin } from './begin.ts';
import { diff, stat } from './diff.ts';
import { makeGit } from './run-git.ts';
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
  const deps = { git, layout };
  const later = (name: string) => (): Promise<never> =>
    Promise.reject(new MaosError('INTERNAL', `${name} is not there yet.`));
  return {
    begin: (repository) => begin(git, repository),
    open: (...args) => open(deps, ...args),
    diff: (...args) => diff(git, ...args),
    stat: (...args) => stat(git, ...args),
    snapshot: later('snapshot'),
    remove: later('remove'),
    resolve: later('resolve'),
    join: later('join'),
    squash: later('squash'),
    protect: later('protect'),
    checkOut: later('checkOut'),
    discardCheckouts: later('discardCheckouts'),
    moveBranch: later('moveBranch'),
    isAncestor: later('isAncestor'),
  };
}

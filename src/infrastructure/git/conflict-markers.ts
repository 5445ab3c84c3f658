import { openRepository } from './repository.ts';
import type { Git } from './run-git.ts';

/** Enough to name what is wrong; `git diff --check` prints a line and its content for each finding. */
const maxFindings = 16 * 1024 * 1024;

/** See {@link Workspaces.conflictMarkers}. */
export async function conflictMarkers(
  git: Git,
  folder: string,
  base: string,
  commit: string,
): Promise<readonly string[]> {
  const repository = await openRepository(git, folder);
  // It also finds bad white space, which is not asked for. Its exit status tells of both.
  const quiet = ['-c', 'core.whitespace=-trailing-space,-space-before-tab'];
  const check = ['diff', '--check', '--no-ext-diff', '--no-textconv', '--color=never', base, commit, '--'];
  const { stdout } = await repository.run([...quiet, ...check], { maxBytes: maxFindings, cut: true });
  const lines = stdout.toString().split('\n');
  const found = lines.flatMap((line) => /^(.+):\d+: leftover conflict marker\.?$/.exec(line)?.[1] ?? []);
  return [...new Set(found)];
}

import { endOf } from '../../domain/cut-text.ts';
import { MaosError, showPath } from '../../domain/errors.ts';
import { showControls } from '../../domain/invisible-marks.ts';
import { commandOf, type GitResult } from './run-git.ts';

/** Longest part of git's own words in a message, in characters. */
const maxWords = 600;

/** The error of a git command that failed. @param folder where it ran */
export function gitError(args: readonly string[], { status, stderr }: GitResult, folder: string): MaosError {
  const words = showControls(endOf(stderr.trim(), maxWords));
  const details = { git: commandOf(args), status, folder, stderr: words };
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `git cannot write in ${showPath(folder)}: the disk is full. Free some space (\`maos gc\` removes old sessions).`,
      { details },
    );
  }
  if (/detected dubious ownership/.test(stderr)) {
    return new MaosError(
      'INVALID_INPUT',
      `git refuses the repository of ${showPath(folder)}, because it belongs to another user. If you trust it, run: git config --global --add safe.directory ${showPath(folder)}`,
      { details },
    );
  }
  if (/not a git repository/.test(stderr)) {
    return new MaosError(
      'INVALID_INPUT',
      `${showPath(folder)} is not in a git repository, so agents cannot work in worktrees. Run \`git init\` and commit, or give no agent the workspace "worktree".`,
      { details },
    );
  }
  const how = status === -1 ? 'was ended by a signal' : `failed (${status})`;
  return new MaosError(
    'INTERNAL',
    `\`git ${commandOf(args)}\` ${how} in ${showPath(folder)}: ${words === '' ? 'no message' : words}`,
    { details },
  );
}

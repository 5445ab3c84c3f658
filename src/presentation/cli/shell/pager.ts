import { execFile } from 'node:child_process';
import { showControls } from '../../../domain/invisible-marks.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The user's pager for texts of MAOS: MAOS_PAGER, PAGER, less.
 * @returns a line for the shell; null: none is wanted
 */
export function chosenPager(env: Environment): string | null {
  return wanted(env.MAOS_PAGER ?? env.PAGER);
}

/**
 * The user's pager for diffs, which may colour them: after MAOS_PAGER in git's order, GIT_PAGER, `core.pager` of the
 * user's own configuration, PAGER, less. The configuration of a repository is not asked, because it could name any program.
 * @see https://git-scm.com/docs/git-var#Documentation/git-var.txt-GITPAGER
 */
export async function chosenDiffPager(env: Environment): Promise<string | null> {
  return wanted(env.MAOS_PAGER ?? env.GIT_PAGER ?? (await configuredPager(env)) ?? env.PAGER);
}

function wanted(pager = 'less'): string | null {
  return pager === '' || pager === 'cat' ? null : pager;
}

function configuredPager(env: Environment): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', ['config', '--global', '--get', 'core.pager'], { cwd: '/', env }, (error, stdout) =>
      resolve(error === null ? stdout.trimEnd() : null),
    );
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
const colours = /(\u001b\[[0-9;]*m)/;

/** Keeps git's colours, and shows the control characters of files, so that they cannot control the terminal. */
export function harmlessDiff(text: string): string {
  return text
    .split(colours)
    .map((piece, index) => (index % 2 === 1 ? piece : showControls(piece)))
    .join('');
}

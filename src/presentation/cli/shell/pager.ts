import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { showControls } from '../../../domain/invisible-marks.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The user's pager, in git's order: GIT_PAGER, `core.pager` of the user's own configuration, PAGER, less. The
 * configuration of a repository is not asked, because it could name any program.
 * @returns a line for the shell; null: none is wanted
 * @see https://git-scm.com/docs/git-var#Documentation/git-var.txt-GITPAGER
 */
export async function chosenPager(env: Environment): Promise<string | null> {
  const pager = env.GIT_PAGER ?? (await configuredPager(env)) ?? env.PAGER ?? 'less';
  return pager === '' || pager === 'cat' ? null : pager;
}

function configuredPager(env: Environment): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', ['config', '--global', '--get', 'core.pager'], { cwd: '/', env }, (error, stdout) =>
      resolve(error === null ? stdout.trimEnd() : null),
    );
  });
}

/** Shows the text in a pager until the user leaves it. @returns false if there is no such program */
export async function page(text: string, pager: string, env: Environment): Promise<boolean> {
  const child = spawn('/bin/sh', ['-c', pager], {
    stdio: ['pipe', 'inherit', 'inherit'],
    // As git does: quit if one screen is enough, keep colours, leave the screen as it is.
    env: { ...env, LESS: env.LESS ?? 'FRX', LV: env.LV ?? '-c' },
  });
  const ended = once(child, 'close');
  // The user may leave the pager before it has read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  const [status] = await ended;
  return status !== 126 && status !== 127;
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

import { spawn } from 'node:child_process';

type Environment = Readonly<Record<string, string | undefined>>;

/** A program that opens a link, and its arguments before the link. */
type Opener = readonly [program: string, ...args: string[]];

/** How long a program that opens the browser may take to fail. It may also stay for as long as the browser. */
const patienceMs = 2_000;

/**
 * The programs that may open a browser here, the first that exists counts. None without a display, and over ssh: the
 * browser of the user is on another machine.
 */
export function browserOpeners(platform: NodeJS.Platform, env: Environment): readonly Opener[] {
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  if (isSet('SSH_CONNECTION')) return [];
  if (platform === 'darwin') return [['open']];
  if (platform === 'win32') return [['rundll32', 'url.dll,FileProtocolHandler']];
  const hasDisplay = isSet('DISPLAY') || isSet('WAYLAND_DISPLAY');
  return [
    ...(isSet('WSL_DISTRO_NAME') ? [['wslview'] as const] : []),
    ...(hasDisplay ? [['xdg-open'] as const] : []),
  ];
}

/** @returns false if none of the programs opened it */
export async function openBrowser(
  url: string,
  openers: readonly Opener[],
  env: Environment,
): Promise<boolean> {
  for (const [program, ...args] of openers) {
    if (await succeeds(program, [...args, url], env)) return true;
  }
  return false;
}

function succeeds(program: string, args: readonly string[], env: Environment): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', detached: true, env });
    const patience = setTimeout(() => resolve(true), patienceMs);
    const settle = (isOpened: boolean): void => {
      clearTimeout(patience);
      resolve(isOpened);
    };
    child.once('error', () => settle(false));
    child.once('exit', (status) => settle(status === 0));
    child.unref();
  });
}

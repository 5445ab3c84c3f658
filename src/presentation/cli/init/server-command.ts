import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, sep } from 'node:path';

/** What a client starts to speak to MAOS over stdio. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** For a file that a team shares: it says nothing of one machine. */
export const sharedCommand: ServerCommand = { command: 'npx', args: ['-y', 'maos', 'serve'] };

/**
 * What starts this maos again, for the settings of one user on one machine:
 * 1. `maos serve` where PATH leads to it. The name outlives upgrades of maos and of Node, which no path does. (A client
 *    that was not started from a shell may lack the folders that nvm and the like add to PATH; it then finds neither
 *    `maos` nor `npx`, nor the `node` in the first line of the launcher.)
 * 2. `npx -y maos serve` where npx runs it: from npm's cache, where it may be gone tomorrow.
 * 3. Node and the launcher by their paths: a checkout, or a dependency of a project.
 *
 * @param self.script `process.argv[1]`
 */
export function ownCommand(self: {
  readonly script: string;
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): ServerCommand {
  const { execPath, env } = self;
  const launcher = realpathSync(self.script);
  const isInstalled = launcher.includes(`${sep}node_modules${sep}`);
  const maos = findOnPath('maos', env.PATH);
  // Where pnpm, Volta or asdf installed it, it is a script of theirs that starts the launcher, not a link to it.
  if (maos !== null && (isInstalled || realpathSync(maos) === launcher)) {
    return { command: 'maos', args: ['serve'] };
  }
  if (isInstalled && env.npm_command === 'exec') return sharedCommand;
  // Homebrew's link to Node outlives upgrades, the folder of the version that it leads to does not.
  const node = findOnPath('node', env.PATH);
  const isRunning = node !== null && realpathSync(node) === realpathSync(execPath);
  return { command: isRunning ? node : execPath, args: [launcher, 'serve'] };
}

/** The first such program on PATH, but for folders that npm and npx put there for as long as they run. */
function findOnPath(name: string, path = ''): string | null {
  const folders = path
    .split(delimiter)
    .filter((folder) => isAbsolute(folder) && !/[\\/]node_modules[\\/]/.test(join(folder, sep)));
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    // Missing or not to be executed: the search goes on, as a shell's does.
    return false;
  }
}

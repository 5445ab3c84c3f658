import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative, sep } from 'node:path';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';

/** What a client starts to speak to MAOS over stdio. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** The program that runs, and where. */
export interface OwnProgram {
  /** `process.argv[1]` */
  readonly script: string;
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How far a command holds. */
export interface OwnCommand extends ServerCommand {
  /** What must be so for it to start, for people; null where it is so for everybody it is written for. */
  readonly caveat: string | null;
}

/**
 * What starts this maos again, for the settings of one user on one machine:
 * 1. `maos serve` where PATH leads to it. The name outlives upgrades of maos and of Node, which no path does. (A client
 *    that was not started from a shell may lack the folders that nvm and the like add to PATH; it then finds neither
 *    `maos` nor the `node` in the first line of the launcher.)
 * 2. Node and the launcher by their paths: a checkout, or a dependency of a project.
 *
 * Never a package that npx looks up: the owner of that name on the registry could run programs here.
 */
export function ownCommand({ script, execPath, env }: OwnProgram): OwnCommand {
  const launcher = realpathSync(script);
  const isInstalled = launcher.includes(`${sep}node_modules${sep}`);
  const maos = findOnPath('maos', env.PATH);
  // Where pnpm, Volta or asdf installed it, it is a script of theirs that starts the launcher, not a link to it.
  if (maos !== null && (isInstalled || realpathSync(maos) === launcher)) {
    return { command: 'maos', args: ['serve'], caveat: null };
  }
  // Homebrew's link to Node outlives upgrades, the folder of the version that it leads to does not.
  const node = nodeOnPath(execPath, env.PATH);
  const caveat = launcher.includes(`${sep}_npx${sep}`)
    ? "This maos runs from npm's cache, which npm may clear: install MAOS, then run 'maos init' again."
    : null;
  return { command: node ?? execPath, args: [launcher, 'serve'], caveat };
}

/**
 * The same for a file that a project's team shares. Of a maos in the project itself (a dependency of it, its checkout)
 * the path is relative: it is the same for everybody.
 */
export function projectCommand(self: OwnProgram, folder: string): OwnCommand {
  const inProject = relative(realpathOr(folder), realpathSync(self.script));
  if (!isAbsolute(inProject) && inProject.split(sep)[0] !== '..') {
    const command = findOnPath('node', self.env.PATH) === null ? self.execPath : 'node';
    return { command, args: [inProject.split(sep).join('/'), 'serve'], caveat: null };
  }
  const own = ownCommand(self);
  const caveat =
    own.command === 'maos'
      ? "Everyone who works on the project needs 'maos' on PATH."
      : "This entry works only on this machine. With 'maos' on PATH, or as a dependency of the project, 'maos init --project' writes an entry that works for everyone.";
  return { ...own, caveat };
}

/** A name of the registry's form with an exact version. */
const exactPackage = /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)@\d+\.\d+\.\d+[\w.+-]*$/;

/**
 * npx with a package that somebody names: for who publishes MAOS under a name of their own.
 * @throws MaosError INVALID_INPUT where the version is open, or the name is one that nobody here owns
 */
export function packageCommand(spec: string): OwnCommand {
  const [, name] = exactPackage.exec(spec) ?? [];
  if (name === undefined || name === 'maos') {
    const why =
      name === 'maos'
        ? "MAOS does not own the name 'maos' on the npm registry: name your own package"
        : 'name a package with its exact version';
    throw new MaosError('INVALID_INPUT', `--package ${quote(spec)}: ${why}, such as @you/maos@1.2.3.`, {
      details: { option: 'package', value: startOf(spec, 200), command: 'init' },
    });
  }
  return {
    command: 'npx',
    args: ['-y', spec, 'serve'],
    caveat: `Whoever publishes ${name} decides what runs.`,
  };
}

/** The node that runs by the name PATH has for it. */
function nodeOnPath(execPath: string, path: string | undefined): string | null {
  const node = findOnPath('node', path);
  return node !== null && realpathSync(node) === realpathSync(execPath) ? node : null;
}

/** A folder that is not there is refused where the file is written. */
function realpathOr(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
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

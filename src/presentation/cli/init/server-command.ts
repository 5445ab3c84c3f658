import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative, sep } from 'node:path';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';

/** The command with which a client starts MAOS over stdio. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** The running program. */
export interface OwnProgram {
  /** `process.argv[1]` */
  readonly script: string;
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command with its limitations. */
export interface OwnCommand extends ServerCommand {
  /** What it requires in order to start, for people; null if it works for everyone it is written for. */
  readonly caveat: string | null;
}

/**
 * The command that starts this maos again, for the settings of one user on one machine:
 * 1. `maos serve` if PATH leads to it. Unlike a path, the name survives upgrades of maos and of Node. (A client that
 * was not started from a shell may lack the folders that nvm and similar tools add to PATH; then it finds neither
 * `maos` nor the `node` in the first line of the launcher.)
 * 2. Node and the launcher by their paths: for a checkout, or a dependency of a project.
 *
 * Never a package that npx looks up: the owner of that name on the registry could run programs here.
 */
export function ownCommand({ script, execPath, env }: OwnProgram): OwnCommand {
  const launcher = realpathSync(script);
  const isInstalled = launcher.includes(`${sep}node_modules${sep}`);
  const maos = findOnPath('maos', env.PATH);
  // pnpm, Volta and asdf install a script of their own that starts the launcher, not a link to it.
  if (maos !== null && (isInstalled || realpathSync(maos) === launcher)) {
    return { command: 'maos', args: ['serve'], caveat: null };
  }
  // Homebrew's link to Node survives upgrades; the versioned folder that it leads to does not.
  const node = nodeOnPath(execPath, env.PATH);
  const caveat = launcher.includes(`${sep}_npx${sep}`)
    ? "This maos runs from npm's cache, which npm may clear: install MAOS, then run 'maos init' again."
    : null;
  return { command: node ?? execPath, args: [launcher, 'serve'], caveat };
}

/**
 * The same for a file that a project's team shares. If maos is in the project itself (a dependency or its checkout),
 * the path is relative and works for everyone.
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

/** How the command finds MAOS: on PATH, as a file of this installation, or as a package of a registry. */
export function startsBy({ command }: ServerCommand): 'name' | 'path' | 'package' {
  if (command === 'maos') return 'name';
  return command === 'npx' ? 'package' : 'path';
}

/** A package name of the registry's form, with an exact version. */
const exactPackage = /^((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)@\d+\.\d+\.\d+[\w.+-]*$/;

/**
 * Runs a given package with npx, for people who publish MAOS under their own name.
 * @throws MaosError INVALID_INPUT when the version is not exact, or the name does not belong to the user
 */
export function packageCommand(spec: string): OwnCommand {
  const [, name] = exactPackage.exec(spec) ?? [];
  if (name === undefined || name === 'maos') {
    const why =
      name === 'maos'
        ? "MAOS does not own the name 'maos' on the npm registry: name your own package"
        : 'name a package with its exact version';
    throw new MaosError('INVALID_INPUT', `--npx ${quote(spec)}: ${why}, such as @you/maos@1.2.3.`, {
      details: { option: 'npx', value: startOf(spec, 200), command: 'init' },
    });
  }
  return {
    command: 'npx',
    args: ['-y', spec, 'serve'],
    caveat: `Whoever publishes ${name} decides what runs.`,
  };
}

/** The running Node, by its path on PATH. */
function nodeOnPath(execPath: string, path: string | undefined): string | null {
  const node = findOnPath('node', path);
  return node !== null && realpathSync(node) === realpathSync(execPath) ? node : null;
}

/** Writing the file reports a missing folder. */
function realpathOr(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** The first such program on PATH, without the folders that npm and npx add only while they run. */
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
    // Missing or not executable: continue searching, as a shell does.
    return false;
  }
}

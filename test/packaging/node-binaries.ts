import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { npm } from './npm.ts';

export interface NodeBinary {
  /** A file called `node`, so that its folder can go on PATH. */
  path: string;
  version: string;
}

/**
 * Returns the first of the wanted Node versions that the registry has for this platform, from .cache/nodes/ or npm.
 *
 * The package `node` only downloads one of these packages in an install script, and not every npm runs those.
 */
export function nodeBinary(root: string, versions: string[]): NodeBinary {
  const name = `${process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${process.platform}-${process.arch}`;
  const failures: string[] = [];
  for (const version of versions) {
    const folder = join(root, '.cache/nodes', version);
    const binary = join(folder, 'node_modules', name, 'bin/node');
    try {
      if (!existsSync(binary)) download(`${name}@${version}`, folder);
      return { path: binary, version: versionOf(binary) };
    } catch (error) {
      failures.push(`${name}@${version}: ${error instanceof Error ? error.message : error}`);
    }
  }
  throw new Error(`No Node to test with.\n${failures.join('\n')}`);
}

/** The machine's own Node when it is too old for MAOS, else a Node 20. */
export function tooOldNode(root: string): NodeBinary {
  const own = process.env.npm_node_execpath;
  if (own !== undefined && basename(own) === 'node') {
    const version = versionOf(own);
    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
    if (major < 22 || (major === 22 && minor < 13)) return { path: own, version };
  }
  return nodeBinary(root, ['20']);
}

/** Installs into a temporary folder and renames it, so that an incomplete download is never used. */
function download(spec: string, folder: string): void {
  const unfinished = `${folder}.${process.pid}.unfinished`;
  mkdirSync(dirname(folder), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  try {
    mkdirSync(unfinished);
    npm(['install', '--no-save', '--ignore-scripts', '--prefix', unfinished, spec], unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function versionOf(binary: string): string {
  return execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
}

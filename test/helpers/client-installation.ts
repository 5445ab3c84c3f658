/** Real agent CLIs, installed from the npm registry outside the project. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { npm } from '../packaging/npm.ts';

const run = promisify(execFile);
const CLIENTS = fileURLToPath(new URL('../../.cache/clients', import.meta.url));
const TRIES = 3;

/** An agent CLI in the registry. */
export interface Client {
  /** The npm package, such as `@openai/codex`. */
  readonly package: string;
  readonly version: string;
  /** The name of its executable in `node_modules/.bin`; null for a library. */
  readonly executable: string | null;
  /** The folder it is installed into, inside `.cache/clients`; the version is added. */
  readonly folder: string;
  /** The whole environment for `--version`; `home` is a scratch folder. */
  env(home: string): Record<string, string>;
  /** Performs the necessary steps of the package's install scripts, which are not run. */
  finish?(packageFolder: string): Promise<unknown>;
}

/**
 * Returns the absolute path of a client's executable (for a library, of its package's folder). Installs it into
 * `.cache/clients/<folder>-<version>` the first time, from the npm registry or npm's cache.
 *
 * Runs no install script, because npm may block them. Installs into a temporary folder, checks the version there, and
 * renames the folder when it is complete, so that a killed or concurrent installation never leaves an incomplete one.
 *
 * @throws when npm cannot get the package in three tries, or the installed program does not run, with its last output.
 */
export async function installClient(client: Client): Promise<string> {
  const { package: name, version } = client;
  const home = join(CLIENTS, `${client.folder}-${version}`);
  const modules = join(home, 'node_modules');
  const wanted = client.executable === null ? join(modules, name) : join(modules, '.bin', client.executable);
  if (existsSync(wanted)) return wanted;

  await mkdir(CLIENTS, { recursive: true });
  for (let failed = 1; ; failed += 1) {
    try {
      await installInto(home, client);
      return wanted;
    } catch (cause) {
      const { stderr } = cause as { stderr?: string };
      const words = stderr?.trim() || (cause instanceof Error ? cause.message : String(cause));
      if (failed === TRIES) {
        throw new Error(`${name}@${version} could not be installed in ${TRIES} tries: ${words}`, { cause });
      }
      // Registry errors last for seconds, and npm has already retried each request itself.
      await delay(failed * 5_000);
    }
  }
}

async function installInto(home: string, client: Client): Promise<void> {
  const { package: name, version } = client;
  const staging = await mkdtemp(join(CLIENTS, `installing-${client.folder}-${version}-`));
  const modules = join(staging, 'node_modules');
  try {
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    npm(['install', '--prefix', staging, ...flags, `${name}@${version}`], staging);
    await client.finish?.(join(modules, name));
    if (client.executable !== null) {
      await run(join(modules, '.bin', client.executable), ['--version'], { env: client.env(staging) });
    }
    await rename(staging, home).catch((cause: NodeJS.ErrnoException) => {
      // Another process finished first, and its installation is equivalent.
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesNaming } from './machine.ts';
import { StdioClient } from './stdio-client.ts';

/** What a user runs as `maos`. */
export const launcher = fileURLToPath(new URL('../bin/maos.js', import.meta.url));
const rawServer = fileURLToPath(new URL('floor/raw-server.mjs', import.meta.url));

/** How long processes that MAOS leaves at its exit may take to end by themselves. */
const leavingMs = 15_000;

const open = new Set<Workplace>();

/** A home and a project in a temporary folder, with the compared programs started there as a client would. */
export class Workplace {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-bench-')));
  readonly #temp = join(this.#folder, 'tmp');
  readonly home = join(this.#folder, 'home');
  readonly project = join(this.#folder, 'project');
  readonly #clients: StdioClient[] = [];

  /** @param settings the user's settings, as in `config.json` */
  constructor(settings: object = {}) {
    for (const folder of [this.home, this.project, this.#temp]) mkdirSync(folder, { mode: 0o700 });
    const config = JSON.stringify({ allowCommands: ['*'], ...settings });
    writeFileSync(join(this.home, 'config.json'), config, { mode: 0o600 });
    open.add(this);
  }

  /**
   * This process's environment without variables that would change how MAOS runs. Node stores compiled code in the
   * folder for temporary files.
   */
  environment(temp: string = this.#temp): NodeJS.ProcessEnv {
    const strange = /^(MAOS_|NODE_)/;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !strange.test(name)));
    // The launcher runs the `node` of PATH; the floors run this one.
    const PATH = [dirname(process.execPath), env.PATH].join(delimiter);
    return { ...env, PATH, MAOS_HOME: this.home, TMPDIR: temp };
  }

  /** `maos serve`, without a request so far. */
  maos(temp?: string): StdioClient {
    return this.#start(launcher, ['serve'], temp);
  }

  /** `maos serve` as at its first start on a machine, without compiled code. */
  coldMaos(): StdioClient {
    return this.maos(mkdtempSync(join(this.#temp, 'cold-')));
  }

  rawServer(): StdioClient {
    return this.#start(process.execPath, [rawServer]);
  }

  #start(program: string, args: readonly string[], temp?: string): StdioClient {
    const client = new StdioClient({ program, args, cwd: this.project, env: this.environment(temp) });
    this.#clients.push(client);
    return client;
  }

  /**
   * Ends everything started here, and removes the folder.
   * @throws Error when a process of MAOS or an agent does not end
   */
  async close(): Promise<void> {
    open.delete(this);
    await Promise.all(this.#clients.map((client) => client.close()));
    const left = await this.#awaitRest();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    if (left.length > 0)
      throw new Error(`MAOS left processes behind, ended by force now: ${left.join('; ')}`);
  }

  /** Every process that MAOS starts has the home's path in its environment. */
  async #awaitRest(): Promise<readonly string[]> {
    const until = Date.now() + leavingMs;
    for (;;) {
      const left = processesNaming(this.home);
      if (left.length === 0) return [];
      if (Date.now() > until) {
        for (const { pid } of left) kill(pid);
        return left.map(({ pid, command }) => `${pid} ${command}`);
      }
      await sleep(50);
    }
  }
}

/** Runs the work in its own workplace. */
export async function inWorkplace<T>(settings: object, work: (place: Workplace) => Promise<T>): Promise<T> {
  const place = new Workplace(settings);
  let result: T;
  try {
    result = await work(place);
  } catch (error) {
    // The first error is more useful than one from closing.
    await place.close().catch(() => {});
    throw error;
  }
  await place.close();
  return result;
}

/** For an interrupted bench. */
export async function closeAll(): Promise<void> {
  await Promise.allSettled([...open].map((place) => place.close()));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { writeFileAtomic } from '../../src/infrastructure/files/disk/atomic.ts';
import { maosHome } from '../../src/infrastructure/files/home/maos-home.ts';
import { InstanceRegistration } from '../../src/infrastructure/instances/instance-registration.ts';
import { parseText } from '../../src/infrastructure/text-formats/parse-text.ts';
import { MaosRuntime } from '../../src/maos-runtime.ts';
import { runCli } from '../../src/presentation/cli/cli.ts';
import { bundle, type Finished } from '../presentation/cli/maos-process.ts';

export interface Call {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly input?: string;
}

/** One command at a time, because the environment belongs to the process. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line like `maos`, but in this process, because a separate process takes twenty times as long. Not for
 * commands that leave sessions to other processes, nor for signals.
 */
export function maosInProcess(args: readonly string[], call: Call): Promise<Finished> {
  const finished = last.then(() => run(args, call));
  last = finished.catch(() => {});
  return finished;
}

async function run(args: readonly string[], { env, cwd, input = '' }: Call): Promise<Finished> {
  const stdout = new Collector();
  const stderr = new Collector();
  const own = { ...process.env };
  const script = process.argv[1] as string;
  replaceEnvironment(env);
  // What a command starts in the background is maos, not the test file.
  process.argv[1] = bundle;
  try {
    const makeRuntime = (flags: ConstructorParameters<typeof MaosRuntime>[0]) => {
      const presence = new InstanceRegistration(maosHome(env), '0.0.0', () => {});
      return new MaosRuntime(flags, presence, new Set());
    };
    const status = await runCli(args, makeRuntime, {
      stdin: Readable.from([input]),
      stdout,
      stderr,
      env,
      cwd,
      script: 'maos',
      endingSignals: [],
      signals: new EventEmitter(),
      exit: (code) => {
        throw new Error(`the command wants to end the process with status ${code}: start one for it`);
      },
      parseText: async (source, format) => parseText(source, format),
      replaceFile: (path, text, mode) => writeFileAtomic(path, text, { mode }),
    });
    return { status, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.argv[1] = script;
    replaceEnvironment(own);
  }
}

function replaceEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (env[name] === undefined) delete process.env[name];
  Object.assign(process.env, env);
}

class Collector extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { MaosError } from '../../../domain/errors.ts';
import { startDetached } from './detached-process.ts';

/** Far longer than it takes on a busy machine. */
const patienceMs = 30_000;
const mostHeard = 10_000;

/**
 * Starts `maos serve --http` on a free port of 127.0.0.1, independent of this process. Settles when it listens.
 * @throws MaosError SPAWN_FAILED with what the server said
 */
export async function startDetachedServer(options: {
  readonly project: string;
  readonly home: string;
}): Promise<{ readonly pid: number; readonly port: number }> {
  const { project, home } = options;
  const args = ['serve', '--http', '127.0.0.1:0', '--no-stdio', '--project', project];
  let child: ChildProcess;
  try {
    child = startDetached(home, args, ['ignore', 'ignore', 'pipe']);
  } catch (cause) {
    throw notStarted(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const said = child.stderr as Readable;
  const patience = setTimeout(() => said.destroy(), patienceMs);
  try {
    const port = await listeningPort(child, said);
    return { pid: child.pid as number, port };
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    clearTimeout(patience);
    said.destroy();
    child.unref();
  }
}

async function listeningPort(child: ChildProcess, said: Readable): Promise<number> {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(notStarted(cause.message, cause)));
  });
  return Promise.race([failed, heardPort(said)]);
}

async function heardPort(said: Readable): Promise<number> {
  let text = '';
  try {
    for await (const chunk of said.setEncoding('utf8')) {
      text = `${text}${chunk}`.slice(-mostHeard);
      const port = /^MAOS is listening on http:\/\/127\.0\.0\.1:([0-9]+) /m.exec(text)?.[1];
      if (port !== undefined) return Number(port);
    }
  } catch {
    // Its end, or the end of the patience, is told below.
  }
  throw notStarted(text.trim() === '' ? `it does not listen after ${patienceMs / 1_000} s` : text.trim());
}

function notStarted(why: string, cause?: unknown): MaosError {
  return new MaosError('SPAWN_FAILED', `The server could not be started: ${why}`, { cause });
}

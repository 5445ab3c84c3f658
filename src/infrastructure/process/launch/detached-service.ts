import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { MaosError } from '../../../domain/errors.ts';
import { startDetached } from './detached-process.ts';

/** Far longer than it takes on a busy machine. */
const patienceMs = 30_000;
const mostHeard = 10_000;

/**
 * Starts this program again as a service, independent of this process. Settles when it says on stderr that it is ready.
 * @param service.sign what it says then
 * @param service.what names it in the error
 * @throws MaosError SPAWN_FAILED with what it has said
 */
export async function startDetachedService(service: {
  readonly home: string;
  readonly args: readonly string[];
  readonly sign: RegExp;
  readonly what: string;
}): Promise<{ readonly pid: number; readonly said: RegExpExecArray }> {
  const notStarted = (why: string, cause?: unknown): MaosError =>
    new MaosError('SPAWN_FAILED', `The ${service.what} could not be started: ${why}`, { cause });
  let child: ChildProcess;
  try {
    child = startDetached(service.home, service.args, ['ignore', 'ignore', 'pipe']);
  } catch (cause) {
    throw notStarted(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const stderr = child.stderr as Readable;
  const patience = setTimeout(() => stderr.destroy(), patienceMs);
  try {
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (cause) => reject(notStarted(cause.message, cause)));
    });
    const { said, text } = await Promise.race([failed, hear(stderr, service.sign)]);
    if (said !== null) return { pid: child.pid as number, said };
    throw notStarted(text === '' ? `it is not ready after ${patienceMs / 1_000} s` : text);
  } catch (error) {
    child.kill();
    throw error;
  } finally {
    clearTimeout(patience);
    stderr.destroy();
    child.unref();
  }
}

async function hear(stderr: Readable, sign: RegExp) {
  let text = '';
  try {
    for await (const chunk of stderr.setEncoding('utf8')) {
      text = `${text}${chunk}`.slice(-mostHeard);
      const said = sign.exec(text);
      if (said !== null) return { said, text };
    }
  } catch {
    // The caller reports an exit or a timeout.
  }
  return { said: null, text: text.trim() };
}

import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { Git } from '../../../src/infrastructure/git/run-git.ts';
import type { ProcessIdentity } from '../../../src/infrastructure/process/tree/identity.ts';
import { findPlace } from '../../../src/infrastructure/process/tree/identity.ts';

const writes = [
  'rename',
  'link',
  'unlink',
  'rmdir',
  'mkdir',
  'writeFile',
  'copyFile',
  'symlink',
  'rm',
  'open',
] as const;

/**
 * Runs a task that stops for ever at one of its writes or git commands, as if the process had been killed there: before
 * the write, before git, or after git has ended.
 * @param at the number of the write or command; counts from 1
 * @returns whether it came so far
 */
export async function endedAt(at: number, git: Git, task: (git: Git) => Promise<unknown>): Promise<boolean> {
  const stopped = Promise.withResolvers<true>();
  const stop = (): Promise<never> => {
    stopped.resolve(true);
    return new Promise<never>(() => {});
  };
  return counting(at, git, stop, true, (counted) =>
    Promise.race([stopped.promise, task(counted).then(() => false)]),
  );
}

/** Runs a task in which one of its writes fails. */
export async function failingAt<T>(at: number, git: Git, task: (git: Git) => Promise<T>): Promise<T> {
  const fail = (count: number): void => {
    if (count === at) throw Object.assign(new Error('EACCES: not permitted'), { code: 'EACCES' });
  };
  return counting(at, git, fail, false, task);
}

async function counting<T>(
  at: number,
  git: Git,
  act: (count: number) => unknown,
  countsGit: boolean,
  task: (git: Git) => Promise<T>,
): Promise<T> {
  let count = 0;
  const pass = async (): Promise<void> => {
    if (++count >= at) await act(count);
  };
  const originals = new Map(writes.map((name) => [name, fs[name]]));
  const module = fs as unknown as Record<string, unknown>;
  for (const [name, original] of originals) {
    module[name] = async (...args: unknown[]) => {
      await pass();
      return (original as (...args: unknown[]) => unknown)(...args);
    };
  }
  syncBuiltinESMExports();
  try {
    if (!countsGit) return await task(git);
    return await task({
      ...git,
      run: async (command) => {
        await pass();
        const result = await git.run(command);
        await pass();
        return result;
      },
    });
  } finally {
    for (const [name, original] of originals) module[name] = original;
    syncBuiltinESMExports();
  }
}

/** A process that has ended. */
export async function deadProcess(): Promise<ProcessIdentity> {
  return { pid: process.pid, startTime: '0', ...(await findPlace()) };
}

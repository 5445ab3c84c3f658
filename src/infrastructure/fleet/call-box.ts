import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CallBox,
  maxCallBytes,
  type TeamAnswer,
  type TeamAsk,
  type TeamCall,
  type TeamOutcome,
} from '../../application/ports/team-calls.ts';
import { MaosError } from '../../domain/errors.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { ensureFolderSync } from '../files/disk/folders.ts';
import { makeIdSource } from '../ids.ts';
import { watchFolder } from '../process/host/watch-folder.ts';
import { readAnswer, readCall } from './messages.ts';

/*
 * A call is a file `ID.call`, which its program removes when it has read `ID.answer`. A program that no longer waits
 * renames its call to `ID.withdrawn`.
 */

const callFile = /^([0-9A-Z]{26})\.call$/;
const withdrawnFile = /^([0-9A-Z]{26})\.withdrawn$/;
const pollMs = 500;

export function makeCallBox(folder: string): CallBox {
  const file = (id: string, kind: 'call' | 'answer' | 'withdrawn'): string => join(folder, `${id}.${kind}`);
  return {
    open() {
      ensureFolderSync(folder);
      return folder;
    },
    async look() {
      const names = new Set(await readdir(folder));
      const ids = (pattern: RegExp): string[] =>
        [...names].flatMap((name) => pattern.exec(name)?.[1] ?? []).toSorted();
      const open = ids(callFile).filter((id) => !names.has(`${id}.answer`));
      const calls = await Promise.all(open.map((id) => callIn(file(id, 'call'), id)));
      return { calls: calls.filter((call) => call !== null), withdrawn: ids(withdrawnFile) };
    },
    async answer(answer) {
      const { call } = answer;
      if (!existsSync(file(call, 'call')) || existsSync(file(call, 'answer'))) return;
      await writeFileAtomic(file(call, 'answer'), JSON.stringify(answer));
    },
    forget: (id) => rm(file(id, 'withdrawn'), { force: true }),
    watch: (listener) => watchAll(folder, listener),
  };
}

/** Null if its program has withdrawn the call meanwhile, or the file contains none. */
async function callIn(path: string, id: string): Promise<TeamCall | null> {
  try {
    const call = readCall(JSON.parse(await readFile(path, 'utf8')));
    return call.id === id ? call : null;
  } catch {
    return null;
  }
}

/**
 * Leaves a call, and waits for its answer as long as it takes.
 * @returns null if the signal has aborted
 * @throws MaosError RESOURCE_LIMIT_EXCEEDED
 */
export async function callTeam(
  folder: string,
  ask: TeamAsk,
  signal: AbortSignal,
): Promise<TeamOutcome | null> {
  const id = makeIdSource().ulid();
  const text = JSON.stringify({ id, ask });
  if (Buffer.byteLength(text) > maxCallBytes) {
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `This is too large to be sent to the home of this agent (${Buffer.byteLength(text)} bytes, at most ${maxCallBytes}). Put it into a file, and send its path.`,
    );
  }
  const path = join(folder, `${id}.call`);
  await writeFileAtomic(path, text);
  const answerPath = join(folder, `${id}.answer`);
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const look = (): void => {
    if (signal.aborted || existsSync(answerPath)) end();
  };
  const stop = watchAll(folder, look);
  signal.addEventListener('abort', look);
  look();
  await over;
  stop();
  signal.removeEventListener('abort', look);
  if (!existsSync(answerPath)) {
    await rename(path, join(folder, `${id}.withdrawn`)).catch(() => 'the folder is gone');
    return null;
  }
  const answer: TeamAnswer = readAnswer(JSON.parse(await readFile(answerPath, 'utf8')));
  await rm(path, { force: true });
  await rm(answerPath, { force: true });
  return answer.outcome;
}

/** Polls as well, because events of the file system may be missing. */
function watchAll(folder: string, listener: () => void): () => void {
  const watch = watchFolder(folder, () => 'the timer goes on');
  watch.onAny(listener);
  const timer = setInterval(listener, pollMs);
  return () => {
    watch.close();
    clearInterval(timer);
  };
}

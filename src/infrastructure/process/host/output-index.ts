import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputMark, OutputStream } from '../../../application/ports/agent-disk.ts';
import { fileMode } from '../../files/disk/folders.ts';
import { readPage } from '../../files/session/output.ts';

/*
 * The programs print through pipes whose readers know no time, so what MAOS sees while it watches their files is what
 * there is to know about when they printed, and in which order to both streams. A time is that of the last write that MAOS saw. One line of `output.idx` says that a
 * stream had grown to a size at a time: `1764200000000 o 1234` for stdout, `e` for stderr.
 *
 * Only a hint: nothing else depends on it. Lines are only appended, each with its batch in one write; a torn one, or one
 * that another MAOS has written meanwhile, is ignored.
 */

const indexName = 'output.idx';
const letters: Readonly<Record<OutputStream, string>> = { stdout: 'o', stderr: 'e' };
const pauseMs = 10;
/** Beyond this size, what an agent prints all the time is noted once a second. */
const wellKnownBytes = 2 ** 20;
const longPauseMs = 1_000;

export interface OutputIndex {
  /** The stream may have grown. Cheap; call it in the order in which the streams grew. */
  note(stream: OutputStream): void;
  /** Stores the marks that are not stored yet. Call it last. */
  close(): void;
}

/** @param from sizes of the log files that are already known */
export function makeOutputIndex(folder: string, from: Readonly<Record<OutputStream, number>>): OutputIndex {
  const known: Record<OutputStream, number> = { ...from };
  /** In the order in which they grew. */
  const grown = new Set<OutputStream>();
  let timer: NodeJS.Timeout | null = null;
  let file: number | null = null;
  let written = 0;
  let isClosed = false;

  function write(): void {
    const marks = [...grown].flatMap((stream) => {
      const stat = statSync(join(folder, `${stream}.log`), { throwIfNoEntry: false });
      if (stat === undefined || stat.size <= known[stream]) return [];
      known[stream] = stat.size;
      // A file system with its own clock may report a time in the future.
      return [{ stream, end: stat.size, at: Math.min(Math.round(stat.mtimeMs), Date.now()) }];
    });
    grown.clear();
    if (marks.length === 0) return;
    const text = marks.map(({ stream, end, at }) => `${at} ${letters[stream]} ${end}\n`).join('');
    file ??= openSync(join(folder, indexName), 'a', fileMode);
    written += writeSync(file, text);
  }

  function record(): void {
    try {
      write();
    } catch {
      // On a full disk or without the folder, the order stays unknown, as it does while no MAOS runs.
    }
  }

  return {
    note(stream) {
      if (isClosed) return;
      grown.add(stream);
      if (timer !== null) return;
      record();
      timer = setTimeout(
        () => {
          timer = null;
          if (grown.size > 0) record();
        },
        written < wellKnownBytes ? pauseMs : longPauseMs,
      ).unref();
    },
    close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      for (const stream of ['stdout', 'stderr'] as const) grown.add(stream);
      record();
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/**
 * The marks from a position of the index on.
 * @returns `next` is the position behind them; equal to `from` when there are no more yet
 */
export async function readOutputIndex(
  folder: string,
  from: number,
): Promise<{ readonly marks: readonly OutputMark[]; readonly next: number }> {
  const { bytes } = await readPage(join(folder, indexName), from, 64 * 1024);
  const end = bytes.lastIndexOf(10) + 1;
  const lines = Buffer.from(bytes.subarray(0, end)).toString('latin1').split('\n');
  const marks = lines.flatMap((line): OutputMark[] => {
    const [, at, letter, size] = /^(\d{13}) ([oe]) (\d{1,15})$/.exec(line) ?? [];
    if (size === undefined) return [];
    return [{ at: Number(at), stream: letter === 'o' ? 'stdout' : 'stderr', end: Number(size) }];
  });
  return { marks, next: from + end };
}

import { closeSync, openSync, readSync } from 'node:fs';

/** One process of the system. `start` is in the platform's own unit: clock ticks since boot, or Unix milliseconds. */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly start: number;
  /** Ended, but not yet collected by its parent. */
  readonly zombie: boolean;
}

// The longest line has 52 numbers of at most 20 digits and a name of at most 64 bytes.
const buffer = Buffer.allocUnsafe(2048);

/**
 * Reads `/proc/PID/stat` (proc_pid_stat(5)), synchronously: procfs answers from memory in some five microseconds, and
 * a trip through the thread pool costs ten times that.
 * @returns null when there is no such process (any more)
 * @throws what the file system throws else, such as EMFILE
 */
export function readProcStat(pid: number): ProcessEntry | null {
  let fd: number | null = null;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
    return parseProcStat(buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** @param line `pid (name) state ppid pgrp session …`; the name may hold spaces and parentheses */
export function parseProcStat(line: string): ProcessEntry | null {
  const nameEnd = line.lastIndexOf(')');
  const fields = line.slice(nameEnd + 2).split(' ', 20);
  if (nameEnd < 0 || fields.length < 20) return null;
  const [state, ppid, pgid, sid] = fields;
  return {
    pid: Number.parseInt(line, 10),
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    start: Number(fields[19]),
    zombie: state === 'Z' || state === 'X',
  };
}

/** True for the errors by which procfs says that a process has ended. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

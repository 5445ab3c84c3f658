import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { MaosError } from '../../../domain/errors.ts';

/**
 * `blocked` is uninterruptible sleep in the kernel (a parent in `vfork` too). `exiting` runs nothing of its program any
 * more: the kernel frees what it holds, which can take half a second for a `tail -f` on a busy machine. `zombie` has
 * ended, and its parent has not collected it yet.
 */
export type ProcessState = 'live' | 'stopped' | 'blocked' | 'exiting' | 'zombie';

/** One process of the system. `start` is in the platform's own unit: clock ticks since boot, or Unix milliseconds. */
export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly start: number;
  readonly state: ProcessState;
  /** User and system time of the process and of its children that have been collected. */
  readonly cpuMs: number;
  /** Resident set, shared pages included. */
  readonly memoryBytes: number;
  /**
   * Where its stack begins, on Linux: random, so that it usually changes when the process executes another program. 0
   * when not known.
   */
  readonly stack: number;
}

// The longest possible line: 52 numbers of at most 20 digits, and a name of at most 64 bytes.
const buffer = Buffer.allocUnsafe(2048);

/**
 * Reads `/proc/PID/stat` (proc_pid_stat(5)). Synchronous, because procfs answers from memory in about five microseconds
 * and a detour through the thread pool takes ten times as long.
 * @returns null when no such process exists
 * @throws MaosError CONFIG_INVALID when `/proc` is not mounted; other errors of the file system, such as EMFILE
 */
export function readProcStat(pid: number): ProcessEntry | null {
  let fd: number | null = null;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
    return parseProcStat(
      buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)),
      kernelUnits(),
    );
  } catch (error) {
    if (!isGone(error)) throw error;
    // This process exists, so procfs must be missing.
    if (pid === process.pid) throw withoutProcfs(error);
    return null;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** @param line `pid (name) state ppid pgrp session …`; the name may hold spaces and parentheses */
export function parseProcStat(line: string, units: KernelUnits): ProcessEntry | null {
  const nameEnd = line.lastIndexOf(')');
  const fields = line.slice(nameEnd + 2).split(' ', 26);
  if (nameEnd < 0 || fields.length < 26) return null;
  const [state, ppid, pgid, sid] = fields;
  const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  return {
    pid: Number.parseInt(line, 10),
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(sid),
    start: Number(fields[19]),
    state: isExiting(fields[6]) && state !== 'Z' && state !== 'X' ? 'exiting' : processState(state),
    cpuMs: (ticks * 1000) / units.ticksPerSecond,
    memoryBytes: Number(fields[21]) * units.pageBytes,
    stack: Number(fields[25]),
  };
}

/** PF_EXITING of the kernel's `sched.h`. @param flags of `/proc/PID/stat` */
function isExiting(flags: string | undefined): boolean {
  return (Number(flags) & 0x4) !== 0;
}

/** @param letter of `/proc/PID/stat`, or the first one of `ps -o stat`, where BSD writes `U` for Linux's `D` */
export function processState(letter: string | undefined): ProcessState {
  switch (letter) {
    case 'T':
    case 't':
      return 'stopped';
    case 'D':
    case 'U':
      return 'blocked';
    case 'Z':
    case 'X':
      return 'zombie';
    default:
      return 'live';
  }
}

export interface KernelUnits {
  readonly pageBytes: number;
  readonly ticksPerSecond: number;
}

let knownUnits: KernelUnits | null = null;

/**
 * The units in which the kernel reports memory and time, from the auxiliary vector (getauxval(3)): Node does not expose
 * them.
 */
export function kernelUnits(): KernelUnits {
  knownUnits ??= readKernelUnits();
  return knownUnits;
}

const auxPageSize = 6n;
const auxClockTicks = 17n;

function readKernelUnits(): KernelUnits {
  let pageBytes = 4096;
  let ticksPerSecond = 100;
  // Pairs of key and value, one word each. All Linux platforms of Node are little-endian with 64-bit words.
  const bytes = readAuxiliaryVector();
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const key = bytes.readBigUInt64LE(at);
    const value = Number(bytes.readBigUInt64LE(at + 8));
    if (key === auxPageSize) pageBytes = value;
    else if (key === auxClockTicks) ticksPerSecond = value;
  }
  return { pageBytes, ticksPerSecond };
}

function readAuxiliaryVector(): Buffer {
  try {
    return readFileSync('/proc/self/auxv');
  } catch (error) {
    throw isGone(error) ? withoutProcfs(error) : error;
  }
}

function withoutProcfs(cause: unknown): MaosError {
  return new MaosError(
    'CONFIG_INVALID',
    "There is no /proc here, and on Linux MAOS needs it to identify its agents' processes. Mount it (mount -t proc proc /proc), or run MAOS where it is mounted.",
    { cause, details: { path: '/proc' } },
  );
}

/** Whether procfs reports that the process has ended. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

import { readFileSync } from 'node:fs';

/** A process, and how many processes and threads the system had begun before it, as {@link countForks} says it. */
export interface Birth {
  readonly pid: number;
  readonly forks: number;
}

export const anyPid = { first: 1, last: Number.POSITIVE_INFINITY };

/** What Linux tells of the pids it gives out. */
export interface PidCounts {
  /** The pid given last. */
  readonly lastPid: number;
  /** Processes and threads that there are. */
  readonly threads: number;
  /** Processes and threads begun since the system started. */
  readonly forks: number;
  /** Pids are below it. */
  readonly pidMax: number;
}

/**
 * The pids of whatever began after that process, and its own. Pids are given out in ascending order, past those in use,
 * and begin again at the top: then it can be any.
 *
 * A start that fails can use up a pid without being counted: pids that got further than the count explains may have
 * come round.
 */
export function pidsSince(
  { pid, forks }: Birth,
  now: PidCounts,
): { readonly first: number; readonly last: number } {
  const most = now.forks - forks + now.threads;
  const isInOrder = most < now.pidMax / 2 && now.lastPid >= pid && now.lastPid - pid <= most;
  return isInOrder ? { first: pid, last: now.lastPid } : anyPid;
}

/** NaN, after which it can be any pid, where the system does not say. */
export function countForks(): number {
  return numberIn('/proc/stat', /^processes (\d+)/m);
}

export function readPidCounts(): PidCounts {
  // `0.20 0.18 0.12 1/80 11206`, see proc_loadavg(5).
  const [, threads, lastPid] = /\/(\d+) (\d+)$/m.exec(read('/proc/loadavg')) ?? [];
  return {
    lastPid: Number(lastPid),
    threads: Number(threads),
    forks: countForks(),
    pidMax: numberIn('/proc/sys/kernel/pid_max', /^(\d+)/),
  };
}

function numberIn(file: string, pattern: RegExp): number {
  return Number(pattern.exec(read(file))?.[1]);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // Hidden in some containers.
    return '';
  }
}

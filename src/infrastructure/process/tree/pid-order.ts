import { readProcText } from './procfs.ts';

/** A process, and the value of {@link countForks} before it started. */
export interface Birth {
  readonly pid: number;
  readonly forks: number;
}

export const anyPid = { first: 1, last: Number.POSITIVE_INFINITY };

/** The kernel's counters from which the range of recent pids follows. */
export interface PidCounts {
  /** The pid assigned last. */
  readonly lastPid: number;
  /** Processes and threads that exist now. */
  readonly threads: number;
  /** Processes and threads started since boot. */
  readonly forks: number;
  /** Upper bound of pids, exclusive. */
  readonly pidMax: number;
}

/**
 * The range of pids that the given process and all later ones can have. The kernel assigns pids in ascending order,
 * skips those in use, and starts again from the bottom after the last; after that, every pid is possible.
 *
 * A failed fork can use up a pid without being counted. If pids advanced further than the counters explain, they may
 * have wrapped around.
 */
export function pidsSince(
  { pid, forks }: Birth,
  now: PidCounts,
): { readonly first: number; readonly last: number } {
  const most = now.forks - forks + now.threads;
  const isInOrder = most < now.pidMax / 2 && now.lastPid >= pid && now.lastPid - pid <= most;
  return isInOrder ? { first: pid, last: now.lastPid } : anyPid;
}

/** NaN when the system does not show it; {@link pidsSince} then returns all pids. */
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
    return readProcText(file);
  } catch {
    // Hidden in some containers.
    return '';
  }
}

import { readFileSync } from 'node:fs';

/** A process, and how many processes and threads the system had begun before it, as {@link countForks} says it. */
export interface Birth {
  readonly pid: number;
  readonly forks: number;
}

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
 * Pids are given out in ascending order, past those in use, and begin again at the top. True: they have not begun again
 * since that process began, so whatever began after it has a greater pid.
 *
 * A start that fails can use up a pid without being counted: pids that got further than the count explains may have
 * come round.
 */
export function isInPidOrder({ pid, forks }: Birth, now: PidCounts): boolean {
  const most = now.forks - forks + now.threads;
  return most < now.pidMax / 2 && now.lastPid >= pid && now.lastPid - pid <= most;
}

/** NaN, for which nothing is in order, where the system does not say. */
export function countForks(): number {
  return numberIn('/proc/stat', /^processes (\d+)/m);
}

export function readPidCounts(): PidCounts {
  // `0.20 0.18 0.12 1/80 11206`, see proc_loadavg(5).
  const load = '/proc/loadavg';
  return {
    lastPid: numberIn(load, / (\d+)$/m),
    threads: numberIn(load, /\/(\d+) /),
    forks: countForks(),
    pidMax: numberIn('/proc/sys/kernel/pid_max', /^(\d+)/),
  };
}

function numberIn(file: string, pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(file, 'latin1'))?.[1]);
  } catch {
    // Hidden in some containers.
    return Number.NaN;
  }
}

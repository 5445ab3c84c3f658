import { readFileSync, statSync } from 'node:fs';
import { type Birth, type PidCounts, pidsSince, readPidCounts } from './pid-order.ts';
import { isGone, type ProcessEntry, readProcStat } from './proc-stat.ts';

/** Probing more pids than this takes longer than listing all processes. */
const mostPids = 100;
/** Most rounds of probing: on a busy machine, a new process may begin in every round. */
const mostRounds = 4;

/**
 * The processes, zombies too, that began after that one, and itself: by asking for every pid that was given since, instead of
 * having all processes of the system listed.
 *
 * It ends when no process has begun since it was last asked which pids there are: then each that is there now was there
 * when its pid was asked for, so none is missed.
 * @returns null when there are too many to ask for one by one
 */
export function probeSince(
  since: Birth,
  counts: () => PidCounts = readPidCounts,
): readonly ProcessEntry[] | null {
  const found: ProcessEntry[] = [];
  let next = since.pid;
  for (let round = 0; round < mostRounds; round++) {
    const { first, last } = pidsSince(since, counts());
    if (first !== since.pid || last - first >= mostPids) return null;
    if (last < next) return found;
    for (; next <= last; next++) {
      const entry = isProcess(next) ? readProcStat(next) : null;
      if (entry !== null) found.push(entry);
    }
  }
  return null;
}

/** `/proc/ID` exists for a thread too, although a listing of `/proc` does not show it. */
function isProcess(pid: number): boolean {
  if (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined) return false;
  try {
    return Number(/^Tgid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) === pid;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

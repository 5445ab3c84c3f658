import { statSync } from 'node:fs';
import { type Birth, type PidCounts, pidsSince, readPidCounts } from './pid-order.ts';
import { isGone, type ProcessEntry, readProcStat } from './proc-stat.ts';
import { readProcText } from './procfs.ts';

/** Above this many pids, listing all processes is faster than probing. */
const mostPids = 100;
/** Maximum rounds of probing: on a busy machine, a new process may start during every round. */
const mostRounds = 4;

/**
 * The given process and all that started after it, zombies included. Probes every pid assigned since instead of listing
 * all processes of the system.
 *
 * Repeats until no process has started since the pids were last counted. Every process that exists then also existed
 * when its pid was probed, so none is missed.
 * @returns null when there are too many pids to probe
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

/** `/proc/ID` also exists for a thread, although a listing of `/proc` does not show it. */
function isProcess(pid: number): boolean {
  if (statSync(`/proc/${pid}`, { throwIfNoEntry: false }) === undefined) return false;
  try {
    return Number(/^Tgid:\s+(\d+)/m.exec(readProcText(`/proc/${pid}/status`))?.[1]) === pid;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

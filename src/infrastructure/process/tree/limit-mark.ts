import { createHash } from 'node:crypto';

/** Higher than any limit on file locks that a user would set. */
const least = 2 ** 48;

/** The soft limit on file locks that marks the processes of an agent; see `wrapper-script.ts`. */
export function limitMark(agentId: string): number {
  return least + createHash('sha256').update(agentId).digest().readUIntBE(0, 6);
}

/**
 * @param limits content of `/proc/PID/limits`, which every user may read
 * @returns null for a process without an agent's mark
 */
export function readLimitMark(limits: string): number | null {
  const soft = Number(/^Max file locks +(\d+) /m.exec(limits)?.[1]);
  return soft >= least && soft < 2 * least ? soft : null;
}

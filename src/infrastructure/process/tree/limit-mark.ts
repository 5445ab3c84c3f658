import { createHash } from 'node:crypto';

/** Higher than any limit on file locks that a user would set. */
const least = 2 ** 48;

/** The number by which the limits of a process tell whose it is; see `wrapper.ts`. */
export function limitMark(agentId: string): number {
  return least + createHash('sha256').update(agentId).digest().readUIntBE(0, 6);
}

/** @param limits `/proc/PID/limits`, which everybody may read @returns null when the process is no agent's */
export function readLimitMark(limits: string): number | null {
  const soft = Number(/^Max file locks +(\d+) /m.exec(limits)?.[1]);
  return soft >= least && soft < 2 * least ? soft : null;
}

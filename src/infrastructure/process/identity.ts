import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { readProcStat } from './proc-stat.ts';
import { readPs } from './ps-command.ts';

/** Which process is meant, for good: a pid alone is given to another process sooner or later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process only. Clock ticks since boot on Linux, Unix milliseconds elsewhere. */
  readonly startTime: string;
  /** Opaque; changes with every boot of the machine. */
  readonly bootId: string;
}

/** @returns null when there is no process of that pid */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const start = process.platform === 'linux' ? readProcStat(pid)?.start : (await readPs(pid))[0]?.start;
  return start === undefined ? null : { pid, startTime: String(start), bootId: await bootId() };
}

/** False once the process has ended, also while its parent has not collected it, and after a reboot. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  if (!mayBeAlive(identity.pid) || identity.bootId !== (await bootId())) return false;
  const entry = process.platform === 'linux' ? readProcStat(identity.pid) : (await readPs(identity.pid))[0];
  return (
    entry !== undefined &&
    entry !== null &&
    entry.state !== 'zombie' &&
    String(entry.start) === identity.startTime
  );
}

/** False: there is certainly no process of that pid. True: there is one, perhaps another. Costs one system call. */
export function mayBeAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let knownBootId: Promise<string> | null = null;

function bootId(): Promise<string> {
  knownBootId ??= readBootId();
  return knownBootId;
}

async function readBootId(): Promise<string> {
  if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  // `{ sec = 1763800000, usec = 123456 } Sat Nov 22 …`; the microseconds move when the clock is adjusted.
  const { stdout } = await promisify(execFile)('sysctl', ['-n', 'kern.boottime']);
  return /sec = (\d+)/.exec(stdout)?.[1] ?? stdout.trim();
}

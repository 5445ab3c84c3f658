import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { readProcStat } from './proc-stat.ts';
import { readPs } from './ps-command.ts';

/** Identifies a process permanently, because the system reuses pids. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; distinguishes processes with the same pid. Clock ticks since boot on Linux, Unix milliseconds elsewhere. */
  readonly startTime: string;
  /** Opaque; changes with every boot. */
  readonly bootId: string;
  /**
   * Opaque: the host and the process namespace (pid_namespaces(7)); processes in the same one see each other. Empty on
   * other platforms than Linux; null in records of earlier versions of MAOS.
   */
  readonly place: string | null;
}

/** @returns null when no process has that pid */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const start = process.platform === 'linux' ? readProcStat(pid)?.start : (await readPs(pid))[0]?.start;
  return start === undefined ? null : { pid, startTime: String(start), ...(await findPlace()) };
}

/**
 * What this process can know about another. Its end can be proven (`gone`) only on the host, boot and process namespace
 * where it was identified. From anywhere else it is `unseen`, running or not.
 */
export type Sighting = 'alive' | 'gone' | 'unseen';

/** A zombie counts as `gone`. */
export async function sight(identity: ProcessIdentity): Promise<Sighting> {
  if (!(await isFromHere(identity))) return 'unseen';
  if (!mayBeAlive(identity.pid)) return 'gone';
  const entry = process.platform === 'linux' ? readProcStat(identity.pid) : (await readPs(identity.pid))[0];
  const isSame = entry !== undefined && entry !== null && String(entry.start) === identity.startTime;
  return isSame && entry.state !== 'zombie' ? 'alive' : 'gone';
}

/** False when the process runs where this one cannot see it: then not finding it does not prove that it has ended. */
export async function isFromHere({
  bootId,
  place,
}: Omit<ProcessIdentity, 'pid' | 'startTime'>): Promise<boolean> {
  const here = await findPlace();
  return place === here.place && bootId === here.bootId;
}

/** False: no process has that pid. True: one has it, perhaps another one. Costs one system call. */
export function mayBeAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists but belongs to another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let known: Promise<Place> | null = null;

/** The location of this process: it decides which other processes are visible. */
export type Place = Pick<ProcessIdentity, 'bootId' | 'place'>;

/** The place as one string, for the launch record. */
export function placeName({ bootId, place }: Place): string {
  return `${bootId} ${place}`;
}

/** Whether processes of that place may be running invisibly. Those of an earlier boot of this host have ended. */
export function mayRunUnseen(name: string | null, here: Place): boolean {
  const [bootId, host] = name?.split(' ') ?? [];
  if (name === null || name === placeName(here)) return false;
  return bootId === here.bootId || host !== here.place?.split(' ')[0];
}

export function findPlace(): Promise<Place> {
  known ??= readPlace();
  return known;
}

async function readPlace(): Promise<Place> {
  if (process.platform === 'linux') {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // `pid:[4026531836]`: the namespace that /proc shows.
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    return { bootId, place: `${hostId()} ${namespace}` };
  }
  // `{ sec = 1763800000, usec = 123456 } Sat Nov 22 …`; adjusting the clock changes the microseconds.
  const { stdout } = await promisify(execFile)('sysctl', ['-n', 'kern.boottime']);
  return { bootId: /sec = (\d+)/.exec(stdout)?.[1] ?? stdout.trim(), place: '' };
}

/** machine-id(5). Containers often have none, but each has its own host name. */
function hostId(): string {
  let id = '';
  try {
    id = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    // Missing or not readable: the host name identifies the host as well.
  }
  return (id === '' ? hostname() : id).replaceAll(/[^\w.-]/g, '_');
}

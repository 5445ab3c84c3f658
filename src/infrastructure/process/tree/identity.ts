import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { readProcStat } from './proc-stat.ts';
import { readPs } from './ps-command.ts';

/** Identifies a process for ever: the system reuses a pid for another process sooner or later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process only. Clock ticks since boot on Linux, Unix milliseconds elsewhere. */
  readonly startTime: string;
  /** Opaque; changes with every boot of the machine. */
  readonly bootId: string;
  /**
   * Opaque: the host and its process namespace (pid_namespaces(7)), whose processes see each other. Empty elsewhere
   * than on Linux; null where a version of MAOS before this one wrote the process down.
   */
  readonly place: string | null;
}

/** @returns null when there is no process of that pid */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const start = process.platform === 'linux' ? readProcStat(pid)?.start : (await readPs(pid))[0]?.start;
  return start === undefined ? null : { pid, startTime: String(start), ...(await findPlace()) };
}

/**
 * What can be said of a process from here. Only where it was identified (this host, boot and process namespace) can
 * its end be proven: `gone`. From anywhere else it is `unseen`, whether it runs or not.
 */
export type Sighting = 'alive' | 'gone' | 'unseen';

/** `gone` also while a parent has not collected the process. */
export async function sight(identity: ProcessIdentity): Promise<Sighting> {
  if (!(await isFromHere(identity))) return 'unseen';
  if (!mayBeAlive(identity.pid)) return 'gone';
  const entry = process.platform === 'linux' ? readProcStat(identity.pid) : (await readPs(identity.pid))[0];
  const isSame = entry !== undefined && entry !== null && String(entry.start) === identity.startTime;
  return isSame && entry.state !== 'zombie' ? 'alive' : 'gone';
}

/** False where the process cannot be looked for: then nothing it does or does not show says that it has ended. */
export async function isFromHere({
  bootId,
  place,
}: Omit<ProcessIdentity, 'pid' | 'startTime'>): Promise<boolean> {
  const here = await findPlace();
  return place === here.place && bootId === here.bootId;
}

/** False: there is certainly no process of that pid. True: there is one, perhaps another. Costs one system call. */
export function mayBeAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let known: Promise<Place> | null = null;

/** The location of this process: it decides which other processes are visible. */
export type Place = Pick<ProcessIdentity, 'bootId' | 'place'>;

/** The place in one word, for the record of a launch. */
export function placeName({ bootId, place }: Place): string {
  return `${bootId} ${place}`;
}

/** Whether processes of a place may run, unseen from here. Those of an earlier boot of this host have ended with it. */
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
    // `pid:[4026531836]`, of the namespace whose processes /proc shows.
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    return { bootId, place: `${hostId()} ${namespace}` };
  }
  // `{ sec = 1763800000, usec = 123456 } Sat Nov 22 …`; the microseconds move when the clock is adjusted.
  const { stdout } = await promisify(execFile)('sysctl', ['-n', 'kern.boottime']);
  return { bootId: /sec = (\d+)/.exec(stdout)?.[1] ?? stdout.trim(), place: '' };
}

/** machine-id(5); containers often have none, and a name of their own. */
function hostId(): string {
  let id = '';
  try {
    id = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    // Not there, or not for this user: the name tells hosts apart as well.
  }
  return (id === '' ? hostname() : id).replaceAll(/[^\w.-]/g, '_');
}

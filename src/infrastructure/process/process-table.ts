import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { patiently } from './patiently.ts';
import { isGone, type ProcessEntry, readProcStat } from './proc-stat.ts';
import { readPs } from './ps-command.ts';

/** The processes of the system at one time, without zombies. */
export interface ProcessSnapshot {
  readonly processes: ReadonlyMap<number, ProcessEntry>;
  /**
   * True when a process ended while it was looked at: it may have left a child that is not in the list. Read it after
   * the calls of `agentIdOf`, which may find out.
   */
  readonly blurred: boolean;
  /** The agent a process says it belongs to, by `MAOS_AGENT_ID` in its environment; null for none or not readable. */
  agentIdOf(entry: ProcessEntry): string | null;
  /** Its command line as it is now; empty when that cannot be read. Only to be compared. */
  commandOf(entry: ProcessEntry): string;
}

export interface ProcessTable {
  /** A snapshot begun after the call. Callers who wait at the same time share one. */
  snapshot(): Promise<ProcessSnapshot>;
}

/** The table of this platform: procfs on Linux, `ps` elsewhere. */
export function makeProcessTable(
  read: () => Promise<ProcessSnapshot> = process.platform === 'linux' ? readProcfs : readWithPs,
): ProcessTable {
  let waiting: Promise<ProcessSnapshot> | null = null;
  let running: Promise<unknown> = Promise.resolve();

  async function take(before: Promise<unknown>): Promise<ProcessSnapshot> {
    await before;
    // Two hundred agents stopped at once ask within one turn of the event loop.
    await setImmediate();
    waiting = null;
    return patiently(read);
  }

  return {
    snapshot() {
      if (waiting === null) {
        waiting = take(running);
        running = waiting.catch(() => 'whoever asked for it hears of the failure');
      }
      return waiting;
    },
  };
}

const kernelThreads = 2;
const pidsPerTurn = 128;

/** Some ten microseconds a process; lets other work through between portions. */
export async function readProcfs(): Promise<ProcessSnapshot> {
  const processes = new Map<number, ProcessEntry>();
  const agentIds = new Map<number, string | null>();
  let blurred = false;
  let portion = 0;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    if (++portion % pidsPerTurn === 0) await setImmediate();
    const entry = readProcStat(pid);
    if (entry === null) blurred = true;
    else if (!entry.zombie) processes.set(pid, entry);
  }

  function agentIdOf({ pid, ppid }: ProcessEntry): string | null {
    const known = agentIds.get(pid);
    if (known !== undefined) return known;
    const environ = readText(`/proc/${pid}/environ`);
    // Empty for a moment while a process executes another program; always for kernel threads.
    if (environ === '' && pid !== kernelThreads && ppid !== kernelThreads) blurred = true;
    const agentId = /(?:^|\0)MAOS_AGENT_ID=([^\0]*)/.exec(environ)?.[1] ?? null;
    agentIds.set(pid, agentId);
    return agentId;
  }

  return {
    processes,
    get blurred() {
      return blurred;
    },
    agentIdOf,
    commandOf: ({ pid }) => readText(`/proc/${pid}/cmdline`),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isGone(error)) return '';
    // Another user's process, or one that hides its memory: not by its environment, if at all, is it an agent's.
    if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return 'unreadable';
    throw error;
  }
}

export async function readWithPs(): Promise<ProcessSnapshot> {
  const entries = new Map(
    (await readPs()).filter((entry) => !entry.zombie).map((entry) => [entry.pid, entry]),
  );
  return {
    processes: entries,
    blurred: false,
    agentIdOf({ pid }) {
      const entry = entries.get(pid);
      if (entry === undefined) return null;
      // The wrapper carries its mark in its arguments too, for systems that hide the environment of /bin/sh.
      const wrapped = entry.args.startsWith('/bin/sh -c trap : ')
        ? / MAOS_AGENT_ID=(\S+) \d+ \//.exec(entry.args)
        : null;
      return (wrapped ?? /(?:^| )MAOS_AGENT_ID=(\S*)/.exec(entry.environment))?.[1] ?? null;
    },
    commandOf: ({ pid }) => entries.get(pid)?.args ?? '',
  };
}

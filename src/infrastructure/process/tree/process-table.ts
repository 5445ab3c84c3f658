import { readdirSync, readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { retryWhileBusy } from '../host/retry-while-busy.ts';
import { isWrapperCommand } from '../host/wrapper-script.ts';
import { readLimitMark } from './limit-mark.ts';
import { anyPid, type Birth, pidsSince, readPidCounts } from './pid-order.ts';
import { probeSince } from './pid-probe.ts';
import { isGone, kernelUnits, type ProcessEntry, readProcStat } from './proc-stat.ts';
import { readPs } from './ps-command.ts';

/** Which agent a process belongs to: `MAOS_AGENT_ID` and `MAOS_AGENT_ATTEMPT`. */
export interface ProcessMark {
  readonly agentId: string;
  /** Null in processes that an earlier version of MAOS started. */
  readonly attempt: number | null;
}

/** The processes of the system at one time. */
export interface ProcessSnapshot {
  /** Without zombies. */
  readonly processes: ReadonlyMap<number, ProcessEntry>;
  readonly zombies: readonly ProcessEntry[];
  /** What taking it cost, in milliseconds. */
  readonly tookMs: number;
  /**
   * True when a process ended while it was looked at: it may have left a child that is not in the list. Read it after
   * the calls of `markOf`, which may find out.
   */
  readonly incomplete: boolean;
  /**
   * The agent a process belongs to: by its environment; where that was cleared or written over, `#` with the number of
   * {@link limitMark} for an id, on Linux; null for none.
   */
  markOf(entry: ProcessEntry): ProcessMark | null;
  /** Whether it was started by the agent and does not end with it, by `MAOS_DETACHED`. */
  isDetachedFrom(agentId: string, entry: ProcessEntry): boolean;
  /** Its command line as it is now; empty when that cannot be read. Only to be compared. */
  commandOf(entry: ProcessEntry): string;
}

export interface ProcessTable {
  /**
   * A snapshot begun after the call. Callers who wait at the same time share one.
   * @param since older processes than this one may be left out; null, the default: none
   */
  snapshot(since?: Birth | null): Promise<ProcessSnapshot>;
  /** A snapshot that is at most so old; the one being taken, if any. */
  recent(maxAgeMs: number): Promise<ProcessSnapshot>;
}

/** The table of this platform: procfs on Linux, `ps` elsewhere. */
export function makeProcessTable(
  read: (since: Birth | null) => Promise<ProcessSnapshot> = process.platform === 'linux'
    ? (since) => readProcfs({ since })
    : readWithPs,
): ProcessTable {
  let waiting: Promise<ProcessSnapshot> | null = null;
  let waitingSince: Birth | null = null;
  let running: Promise<unknown> = Promise.resolve();
  let newest: { readonly snapshot: Promise<ProcessSnapshot>; readonly takenAt: number } | null = null;

  async function take(before: Promise<unknown>): Promise<ProcessSnapshot> {
    await before;
    // Two hundred agents stopped at once ask within one turn of the event loop.
    await setImmediate();
    waiting = null;
    const since = waitingSince;
    return retryWhileBusy(() => read(since));
  }

  function snapshot(since: Birth | null = null): Promise<ProcessSnapshot> {
    if (waiting !== null) waitingSince = olderOf(waitingSince, since);
    else {
      waitingSince = since;
      waiting = take(running);
      running = waiting.catch(() => 'the caller receives the error');
    }
    return waiting;
  }

  return {
    snapshot,
    recent(maxAgeMs) {
      if (newest !== null && performance.now() - newest.takenAt <= maxAgeMs) return newest.snapshot;
      const taken = { snapshot: snapshot(), takenAt: performance.now() };
      newest = taken;
      taken.snapshot.catch(() => {
        // The present callers get the error; the next call tries again.
        if (newest === taken) newest = null;
      });
      return taken.snapshot;
    },
  };
}

function olderOf(a: Birth | null, b: Birth | null): Birth | null {
  if (a === null || b === null) return null;
  return a.forks <= b.forks ? a : b;
}

const kernelThreads = 2;
const pidsPerTurn = 128;

/** What was read of processes, by pid, so that it need not be read again at every look. */
export type KnownProcesses = Map<number, KnownProcess>;

interface KnownProcess {
  readonly start: number;
  readonly until: number;
  readonly mark: ProcessMark | null;
  /** Filled in only when a caller needs it. */
  environment?: readonly string[];
  command?: string;
}

/** A process can change with the next program it executes: after this time it is read again. */
const knownMs = 30_000;
/** A process younger than this may be about to execute its program. */
const settledMs = 2_000;

/**
 * Some ten microseconds a process; lets other work through between portions.
 * @param options `known`: kept from call to call by somebody who looks again and again and needs no proof; `since`: as
 * for {@link ProcessTable.snapshot}
 */
export async function readProcfs({
  known = null,
  since = null,
}: {
  readonly known?: KnownProcesses | null;
  readonly since?: Birth | null;
} = {}): Promise<ProcessSnapshot> {
  const processes = new Map<number, ProcessEntry>();
  const zombies: ProcessEntry[] = [];
  const read = new Map<number, ProcessMark | null>();
  let incomplete = false;
  let portion = 0;
  let tookMs = 0;
  let turnFrom = performance.now();
  const settledBefore = (uptime() - settledMs / 1000) * kernelUnits().ticksPerSecond;
  const keep = (entry: ProcessEntry): void => {
    if (entry.state === 'zombie') zombies.push(entry);
    else processes.set(entry.pid, entry);
  };
  const probed = since === null ? null : probeSince(since);
  for (const entry of probed ?? []) keep(entry);
  const names = probed === null ? readdirSync('/proc') : [];
  // Asked after the listing: what was not given by then is not in it.
  const { first, last } = since === null ? anyPid : pidsSince(since, readPidCounts());
  for (const name of names) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid < first || pid > last) continue;
    if (++portion % pidsPerTurn === 0) {
      tookMs += performance.now() - turnFrom;
      await setImmediate();
      turnFrom = performance.now();
    }
    const entry = readProcStat(pid);
    if (entry === null) incomplete = true;
    else keep(entry);
  }
  tookMs += performance.now() - turnFrom;
  for (const pid of known?.keys() ?? []) if (!processes.has(pid)) known?.delete(pid);

  function markOf(entry: ProcessEntry): ProcessMark | null {
    const seen = read.get(entry.pid);
    if (seen !== undefined) return seen;
    const remembered = knownOf(entry);
    if (remembered !== null) return remembered.mark;
    const { pid, start } = entry;
    const mark = readMark(entry);
    read.set(pid, mark);
    if (start < settledBefore) known?.set(pid, { start, mark, until: performance.now() + knownMs });
    return mark;
  }

  function knownOf({ pid, start }: ProcessEntry): KnownProcess | null {
    const found = known?.get(pid);
    return found !== undefined && found.start === start && found.until > performance.now() ? found : null;
  }

  function environmentOf(entry: ProcessEntry): readonly string[] {
    const remembered = knownOf(entry);
    if (remembered?.environment !== undefined) return remembered.environment;
    // All that is ever asked of it.
    const environment = readText(`/proc/${entry.pid}/environ`)
      .split('\0')
      .filter((variable) => /^MAOS_(?:DETACHED|AGENT_ID)=/.test(variable));
    if (remembered !== null) remembered.environment = environment;
    return environment;
  }

  function commandOf(entry: ProcessEntry): string {
    const remembered = knownOf(entry);
    if (remembered?.command !== undefined) return remembered.command;
    const command = readText(`/proc/${entry.pid}/cmdline`);
    if (remembered !== null) remembered.command = command;
    return command;
  }

  function readMark({ pid, ppid }: ProcessEntry): ProcessMark | null {
    const environ = readText(`/proc/${pid}/environ`);
    // Empty for a moment while a process executes another program; always for kernel threads.
    if (environ === '' && pid !== kernelThreads && ppid !== kernelThreads) incomplete = true;
    const mark = makeMark(
      /(?:^|\0)MAOS_AGENT_ID=([^\0]*)/.exec(environ)?.[1],
      /(?:^|\0)MAOS_AGENT_ATTEMPT=(\d+)/.exec(environ)?.[1],
    );
    if (mark !== null) return mark;
    const number = readLimitMark(readText(`/proc/${pid}/limits`));
    return number === null ? null : { agentId: `#${number}`, attempt: null };
  }

  return {
    processes,
    zombies,
    tookMs,
    get incomplete() {
      return incomplete;
    },
    markOf,
    isDetachedFrom: (agentId, entry) => isDetached(environmentOf(entry), agentId),
    commandOf,
  };
}

function isDetached(environment: readonly string[], agentId: string): boolean {
  return environment.includes('MAOS_DETACHED=1') && !environment.includes(`MAOS_AGENT_ID=${agentId}`);
}

function makeMark(agentId: string | undefined, attempt: string | undefined): ProcessMark | null {
  return agentId === undefined ? null : { agentId, attempt: attempt === undefined ? null : Number(attempt) };
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
  const from = performance.now();
  const all = await readPs();
  const entries = new Map(all.filter(({ state }) => state !== 'zombie').map((entry) => [entry.pid, entry]));
  return {
    processes: entries,
    zombies: all.filter(({ state }) => state === 'zombie'),
    tookMs: performance.now() - from,
    incomplete: false,
    markOf({ pid }) {
      const entry = entries.get(pid);
      if (entry === undefined) return null;
      // The wrapper carries its mark in its arguments too, for systems that hide the environment of /bin/sh.
      const wrapped = isWrapperCommand(entry.args) ? / MAOS_AGENT_ID=(\S+) (\d+) \//.exec(entry.args) : null;
      if (wrapped !== null) return makeMark(wrapped[1], wrapped[2]);
      return makeMark(
        /(?:^| )MAOS_AGENT_ID=(\S*)/.exec(entry.environment)?.[1],
        /(?:^| )MAOS_AGENT_ATTEMPT=(\d+)/.exec(entry.environment)?.[1],
      );
    },
    isDetachedFrom: (agentId, { pid }) =>
      isDetached((entries.get(pid)?.environment ?? '').split(' '), agentId),
    commandOf: ({ pid }) => entries.get(pid)?.args ?? '',
  };
}

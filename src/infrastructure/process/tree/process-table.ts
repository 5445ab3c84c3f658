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

/** The agent that a process belongs to, from `MAOS_AGENT_ID` and `MAOS_AGENT_ATTEMPT`. */
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
  /** How long the scan took, in milliseconds. */
  readonly tookMs: number;
  /**
   * True when a process ended during the scan: it may have left a child that the list does not contain. Read it after
   * `markOf`, which can set it.
   */
  readonly incomplete: boolean;
  /**
   * The agent that a process belongs to, from its environment. If that was cleared or overwritten, on Linux the id is
   * `#` followed by the number of {@link limitMark}. Null for a process of no agent.
   */
  markOf(entry: ProcessEntry): ProcessMark | null;
  /** Whether the agent started it but it is meant to outlive the agent, from `MAOS_DETACHED`. */
  isDetachedFrom(agentId: string, entry: ProcessEntry): boolean;
  /** Its current command line, for comparison only; empty when it cannot be read. */
  commandOf(entry: ProcessEntry): string;
}

export interface ProcessTable {
  /**
   * A snapshot started after the call. Concurrent callers share one.
   * @param since processes older than this one may be left out; null (the default): none
   */
  snapshot(since?: Birth | null): Promise<ProcessSnapshot>;
  /** A snapshot at most `maxAgeMs` old, or the one in progress. */
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
    // Two hundred agents stopped together ask within one turn of the event loop.
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
        // Current callers receive the error; the next call tries again.
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

/** What was read about processes, by pid, so that later scans need not read it again. */
export type KnownProcesses = Map<number, KnownProcess>;

interface KnownProcess {
  readonly start: number;
  readonly until: number;
  readonly mark: ProcessMark | null;
  /** Read on demand. */
  environment?: readonly string[];
  command?: string;
}

/** Read again after this time, because executing another program changes it. */
const knownMs = 30_000;
/** A younger process may be about to execute its program, so what it shows is not cached. */
const settledMs = 2_000;

/**
 * Takes about ten microseconds per process, and yields to the event loop between batches.
 * @param options `known`: a cache between calls, for repeated measurements that need no proof; `since`: as for {@link
 *   ProcessTable.snapshot}
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
  // Read after the listing: a pid assigned later cannot be in it.
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
  const now = performance.now();
  tookMs += now - turnFrom;
  for (const [pid, { start, until }] of known ?? [])
    if (until <= now || processes.get(pid)?.start !== start) known?.delete(pid);

  function markOf(entry: ProcessEntry): ProcessMark | null {
    const seen = read.get(entry.pid);
    if (seen !== undefined) return seen;
    const remembered = knownOf(entry);
    if (remembered !== undefined) return remembered.mark;
    const { pid, start } = entry;
    const mark = readMark(entry);
    read.set(pid, mark);
    if (start < settledBefore) known?.set(pid, { start, mark, until: now + knownMs });
    return mark;
  }

  function knownOf({ pid, start }: ProcessEntry): KnownProcess | undefined {
    const found = known?.get(pid);
    return found?.start === start ? found : undefined;
  }

  function environmentOf(entry: ProcessEntry): readonly string[] {
    const remembered = knownOf(entry);
    if (remembered?.environment !== undefined) return remembered.environment;
    // Callers need no other variables.
    const environment = readText(`/proc/${entry.pid}/environ`)
      .split('\0')
      .filter((variable) => /^MAOS_(?:DETACHED|AGENT_ID)=/.test(variable));
    if (remembered !== undefined) remembered.environment = environment;
    return environment;
  }

  function commandOf(entry: ProcessEntry): string {
    const remembered = knownOf(entry);
    if (remembered?.command !== undefined) return remembered.command;
    const command = readText(`/proc/${entry.pid}/cmdline`);
    if (remembered !== undefined) remembered.command = command;
    return command;
  }

  function readMark({ pid, ppid }: ProcessEntry): ProcessMark | null {
    const environ = readText(`/proc/${pid}/environ`);
    // Empty for a moment while a process executes another program; always empty for kernel threads.
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
    // Belongs to another user, or hides its memory: its environment cannot mark it as an agent's.
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
      // The wrapper also has its mark in its arguments, for systems that hide the environment of /bin/sh.
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

import { readdirSync } from 'node:fs';
import { uptime } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { retryWhileBusy } from '../host/retry-while-busy.ts';
import { isReaderCommand, isWrapperCommand } from '../host/wrapper-script.ts';
import { readLimitMark } from './limit-mark.ts';
import { anyPid, type Birth, pidsSince, readPidCounts } from './pid-order.ts';
import { probeSince } from './pid-probe.ts';
import { isGone, kernelUnits, type ProcessEntry, readProcStat } from './proc-stat.ts';
import { readProcText } from './procfs.ts';
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
  /** Whether its current command line is that of the wrapper, of a subshell of it, or of a reader. */
  isWrapperPart(entry: ProcessEntry): boolean;
  /** Its current command line, for people; empty when it cannot be read. */
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
  entry: ProcessEntry;
  readAt: number;
  readonly until: number;
  readonly variables: MarkVariables;
  /** Read on demand. */
  isWrapperPart?: boolean;
}

/** What the environment of a process, or its limits, say about its agent. */
interface MarkVariables {
  readonly mark: ProcessMark | null;
  readonly agentIds: readonly string[];
  readonly isDetached: boolean;
}

/** Read again after this time. Executing another program changes it, and usually the address of the stack too. */
const knownMs = 300_000;
/** The same for a process whose stack the kernel does not show. */
const unknownStackMs = 30_000;
/** Five of an agent's six processes are parts of its wrapper, which only wait: they are looked at this often. */
const wrapperPartMs = 30_000;
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
  const read = new Map<number, MarkVariables>();
  let incomplete = false;
  let portion = 0;
  let tookMs = 0;
  const begun = performance.now();
  let turnFrom = begun;
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
    const entry = idleEntryOf(pid) ?? readProcStat(pid);
    if (entry === null) incomplete = true;
    else keep(entry);
  }
  const now = performance.now();
  tookMs += now - turnFrom;
  for (const [pid, found] of known ?? []) {
    const entry = processes.get(pid);
    if (entry === undefined || found.until <= now || !isSameProgram(found.entry, entry)) known?.delete(pid);
    else if (entry !== found.entry) Object.assign(found, { entry, readAt: now });
  }

  function idleEntryOf(pid: number): ProcessEntry | null {
    const found = known?.get(pid);
    return found?.isWrapperPart === true && begun < found.readAt + wrapperPartMs ? found.entry : null;
  }

  function variablesOf(entry: ProcessEntry): MarkVariables {
    const { pid, start, stack } = entry;
    const seen = read.get(pid) ?? knownOf(entry)?.variables;
    if (seen !== undefined) return seen;
    const variables = readVariables(entry);
    read.set(pid, variables);
    const until = now + (stack === 0 ? unknownStackMs : knownMs);
    if (start < settledBefore) known?.set(pid, { entry, readAt: now, until, variables });
    return variables;
  }

  function knownOf(entry: ProcessEntry): KnownProcess | undefined {
    const found = known?.get(entry.pid);
    return found !== undefined && isSameProgram(found.entry, entry) ? found : undefined;
  }

  function isWrapperPart(entry: ProcessEntry): boolean {
    const remembered = knownOf(entry);
    if (remembered?.isWrapperPart !== undefined) return remembered.isWrapperPart;
    const command = commandOf(entry);
    const isPart = isWrapperCommand(command) || isReaderCommand(command);
    if (remembered !== undefined) remembered.isWrapperPart = isPart;
    return isPart;
  }

  function readVariables({ pid, ppid }: ProcessEntry): MarkVariables {
    const environ = readText(`/proc/${pid}/environ`);
    // Empty for a moment while a process executes another program; always empty for kernel threads.
    if (environ === '' && pid !== kernelThreads && ppid !== kernelThreads) incomplete = true;
    const agentIds = valuesOf(environ, 'MAOS_AGENT_ID');
    const [attempt = ''] = valuesOf(environ, 'MAOS_AGENT_ATTEMPT');
    const isDetached = valuesOf(environ, 'MAOS_DETACHED').includes('1');
    const mark = makeMark(agentIds[0], /^\d+/.exec(attempt)?.[0]);
    if (mark !== null) return { mark, agentIds, isDetached };
    const number = readLimitMark(readText(`/proc/${pid}/limits`));
    return {
      mark: number === null ? null : { agentId: `#${number}`, attempt: null },
      ...{ agentIds, isDetached },
    };
  }

  return {
    processes,
    zombies,
    tookMs,
    get incomplete() {
      return incomplete;
    },
    markOf: (entry) => variablesOf(entry).mark,
    isDetachedFrom: (agentId, entry) => {
      const { isDetached, agentIds } = variablesOf(entry);
      return isDetached && !agentIds.includes(agentId);
    },
    isWrapperPart,
    commandOf,
  };
}

function isSameProgram(a: ProcessEntry, b: ProcessEntry): boolean {
  return a.start === b.start && a.stack === b.stack;
}

function commandOf({ pid }: ProcessEntry): string {
  return readText(`/proc/${pid}/cmdline`);
}

/** @param environ content of `/proc/PID/environ` */
function valuesOf(environ: string, name: string): readonly string[] {
  const values: string[] = [];
  const start = `${name}=`;
  for (let at = environ.indexOf(start); at >= 0; at = environ.indexOf(start, at + 1)) {
    if (at > 0 && environ[at - 1] !== '\0') continue;
    const end = environ.indexOf('\0', at);
    const value = environ.slice(at + start.length, end < 0 ? undefined : end);
    // A copy: for as long as a slice lives, V8 keeps the whole environment.
    values.push(Buffer.from(value, 'latin1').toString('latin1'));
  }
  return values;
}

function makeMark(agentId: string | undefined, attempt: string | undefined): ProcessMark | null {
  return agentId === undefined ? null : { agentId, attempt: attempt === undefined ? null : Number(attempt) };
}

function readText(path: string): string {
  try {
    return readProcText(path);
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
    isDetachedFrom: (agentId, { pid }) => {
      const variables = (entries.get(pid)?.environment ?? '').split(' ');
      return variables.includes('MAOS_DETACHED=1') && !variables.includes(`MAOS_AGENT_ID=${agentId}`);
    },
    isWrapperPart: ({ pid }) => {
      const command = entries.get(pid)?.args ?? '';
      return isWrapperCommand(command) || isReaderCommand(command);
    },
    commandOf: ({ pid }) => entries.get(pid)?.args ?? '',
  };
}

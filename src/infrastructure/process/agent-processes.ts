import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReport } from '../../application/ports.ts';
import { firstOf } from './first-of.ts';
import { type ProcessEntry, readProcStat } from './proc-stat.ts';
import type { ProcessSnapshot, ProcessTable } from './process-table.ts';

/** How the processes of one agent are told from all others. */
export interface AgentMark {
  readonly agentId: string;
  /**
   * The wrapper, when this MAOS has seen it alive: leader of a session and a group of its own, started at `start`
   * (in the unit of {@link ProcessEntry}). Null when only its pid is on record: that may be another's by now.
   */
  readonly wrapper: { readonly pid: number; readonly start: number } | null;
}

/**
 * All processes of an agent: the wrapper, its session and group, whatever has the agent's id in its environment, and
 * the descendants of all these. Never MAOS itself.
 *
 * A team inside the agent has ids of its own: it is found as long as it descends from the agent. What a nested MAOS
 * detached is the nested MAOS's.
 */
export function findAgentProcesses(snapshot: ProcessSnapshot, mark: AgentMark): ProcessEntry[] {
  const { processes } = snapshot;
  const { agentId, wrapper } = mark;
  const leader = wrapper === null ? undefined : processes.get(wrapper.pid);
  // The pid of a wrapper that is gone can be another session's by now.
  const trusted =
    wrapper !== null && (leader === undefined || leader.start === wrapper.start) ? wrapper : null;
  const earliest = wrapper?.start ?? 0;

  const found = new Map<number, ProcessEntry>();
  const children = new Map<number, ProcessEntry[]>();
  for (const entry of processes.values()) {
    if (entry.pid === process.pid || entry.start < earliest) continue;
    const siblings = children.get(entry.ppid);
    if (siblings === undefined) children.set(entry.ppid, [entry]);
    else siblings.push(entry);
    const inSession = trusted !== null && (entry.sid === trusted.pid || entry.pgid === trusted.pid);
    if (inSession || snapshot.agentIdOf(entry) === agentId) found.set(entry.pid, entry);
  }
  for (const { pid } of found.values()) {
    // A Map visits what is added while it is walked: the whole tree.
    for (const child of children.get(pid) ?? []) found.set(child.pid, child);
  }
  return [...found.values()];
}

export interface EndingOptions {
  readonly mark: AgentMark;
  readonly table: ProcessTable;
  /** Unix milliseconds after which force is used; asked again whenever it may have changed. */
  readonly forceAt: () => number;
  /** Settles when the wrapper has ended. */
  readonly wrapperGone: Promise<unknown>;
  /** Settles when `forceAt` has changed; a new promise after each time. */
  readonly hurry: () => Promise<unknown>;
}

/** From the first SIGKILL until the wrapper, spared at first to record the end, gets it too. */
const recordMs = 1_000;
/** From the first SIGKILL until what is left counts as impossible to end. */
const proofMs = 5_000;

/**
 * Ends all processes of an agent: SIGTERM (and SIGCONT, for those that are stopped), time until `forceAt`, SIGKILL,
 * and a last look that finds none. With no process there it is one look.
 */
export async function endAgentProcesses(options: EndingOptions): Promise<StopReport> {
  const { mark, table, wrapperGone } = options;
  const { wrapper } = mark;
  const startedAt = performance.now();
  const signals = new Set<NodeJS.Signals>();
  /** All that were seen and still live: a parent that ends first takes its children out of the agent's tree. */
  const known = new Map<number, ProcessEntry>();
  const asked = new Set<number>();
  let isWrapperGone = false;
  void wrapperGone.then(() => {
    isWrapperGone = true;
  });

  let snapshot: ProcessSnapshot | null = null;

  async function look(): Promise<ProcessEntry[]> {
    for (const secondLook of [false, true]) {
      snapshot = await table.snapshot();
      for (const entry of findAgentProcesses(snapshot, mark)) known.set(entry.pid, entry);
      for (const entry of known.values()) {
        if (snapshot.processes.get(entry.pid)?.start !== entry.start) known.delete(entry.pid);
      }
      if (known.size > 0 || !snapshot.blurred || secondLook) break;
    }
    return [...known.values()];
  }

  function send(signal: NodeJS.Signals, entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      if (isStill(entry) && sendSignal(entry.pid, signal)) signals.add(signal);
    }
  }

  /** Forked by the wrapper, and about to execute the program: there it still swallows signals as the wrapper does. */
  function isHatching(entry: ProcessEntry): boolean {
    const parent = wrapper === null ? undefined : known.get(wrapper.pid);
    if (snapshot === null || parent === undefined || entry.ppid !== parent.pid) return false;
    return snapshot.commandOf(entry) === snapshot.commandOf(parent);
  }

  function askToEnd(entries: readonly ProcessEntry[]): void {
    const fresh = entries.filter((entry) => !asked.has(entry.pid) && !isHatching(entry));
    for (const { pid } of fresh) asked.add(pid);
    send('SIGTERM', fresh);
    send('SIGCONT', fresh);
  }

  async function politely(): Promise<void> {
    for (let pause = 5; Date.now() < options.forceAt(); pause = Math.min(pause * 2, 100)) {
      const left = await look();
      if (left.length === 0) return;
      // With the wrapper gone, whatever is left is a stray. Before, a process that appears later belongs to the
      // cleaning up of one that was asked: it is left to it. But the program itself may not have been there yet.
      const isProgramAsked = asked.size > 1;
      if (isWrapperGone || !isProgramAsked) askToEnd(left);
      const untilForce = options.forceAt() - Date.now();
      if (isWrapperGone || asked.size <= 1) await sleep(Math.min(pause, Math.max(untilForce, 0)));
      else await firstOf(untilForce, [wrapperGone, options.hurry()]);
    }
  }

  async function byForce(): Promise<void> {
    const from = Date.now();
    for (let pause = 2; Date.now() - from < proofMs; pause = Math.min(pause * 2, 50)) {
      const left = await look();
      if (left.length === 0) return;
      const others = left.filter(({ pid }) => pid !== wrapper?.pid);
      const isWrapperLeft = others.length < left.length;
      send('SIGKILL', others);
      if (wrapper !== null && isWrapperLeft) {
        if (Date.now() - from < recordMs) sendSignal(wrapper.pid, 'SIGCONT');
        // To the group, at one stroke: processes that multiply faster than they are counted end too.
        else if (sendSignal(-wrapper.pid, 'SIGKILL')) signals.add('SIGKILL');
      }
      await firstOf(pause, isWrapperLeft ? [wrapperGone] : []);
    }
  }

  if ((await look()).length > 0) {
    await politely();
    if (known.size > 0) await byForce();
  }
  return { signals: [...signals], survivors: known.size, tookMs: Math.round(performance.now() - startedAt) };
}

/** Its pid has not gone to another process since the snapshot. Elsewhere than on Linux that takes too long to ask. */
function isStill({ pid, start }: ProcessEntry): boolean {
  return process.platform !== 'linux' || readProcStat(pid)?.start === start;
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended by itself. EPERM: it runs as another user by now and will be reported as a survivor.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

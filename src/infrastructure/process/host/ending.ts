import type { StopReport } from '../../../application/ports/agent-host.ts';
import type { AgentFamily } from '../tree/agent-processes.ts';
import type { ProcessEntry } from '../tree/proc-stat.ts';
import { firstOf } from './first-of.ts';

export interface EndingOptions {
  readonly family: AgentFamily;
  /** They are asked to end first, however short the time is that they have for it. */
  readonly asks: boolean;
  /**
   * When force is used, in milliseconds of `performance.now()`, which no change of the machine's clock moves; asked
   * again whenever it may have changed.
   */
  readonly forceAt: () => number;
  /** Settles when the program has ended, or the wrapper that would tell. */
  readonly programGone: Promise<unknown>;
  /** Settles when the wrapper has ended. */
  readonly wrapperGone: Promise<unknown>;
  /** Settles when `forceAt` has changed; a new promise after each time. */
  readonly hurry: () => Promise<unknown>;
}

/** More of the processes that were ended are not named. */
const maxNamed = 10;
/** Longest that a process which has no command line counts as one that is about to execute a program. */
const executingMs = 500;
/** From the first SIGKILL until the wrapper, spared at first to record the end, gets it too. */
const recordMs = 1_000;
/** From the end of all that can print until what it printed is in its files for certain. */
const readMs = 3_000;
/** From the first SIGKILL until what is left counts as impossible to end. */
const proofMs = 5_000;

/**
 * Ends all processes of an agent: SIGTERM (and SIGCONT, for those that are stopped), time until `forceAt`, SIGKILL,
 * and a last look that finds none. With no process there it is one look; once the agent is another MAOS's to look
 * after, it is no signal more. The wrapper and its parts get no signal before the last moment: they end by themselves,
 * when all that was printed is written.
 */
export async function endAgentProcesses(options: EndingOptions): Promise<StopReport> {
  const { family, programGone, wrapperGone } = options;
  const startedAt = performance.now();
  const signals = new Set<NodeJS.Signals>();
  const asked = new Set<number>();
  const named = new Map<number, string>();
  const namelessSince = new Map<number, number>();
  let isProgramGone = false;
  void programGone.then(() => {
    isProgramGone = true;
  });
  /** Since when there is nobody left but the wrapper's parts; null while there is. */
  let readingSince: number | null = null;
  let isHeldOpen = false;

  function send(signal: NodeJS.Signals, entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      // Before the signal: what has ended has no command line any more.
      if (named.size < maxNamed && !named.has(entry.pid)) {
        const name = family.nameOf(entry);
        if (name !== null) named.set(entry.pid, name);
      }
      if (family.signal(entry, signal)) signals.add(signal);
    }
  }

  /** It may be a part of the wrapper's still, to which a request means nothing. */
  function isExecuting(entry: ProcessEntry): boolean {
    if (family.nameOf(entry) !== null) return false;
    const now = performance.now();
    const since = namelessSince.get(entry.pid) ?? now;
    namelessSince.set(entry.pid, since);
    return now - since < executingMs;
  }

  function askToEnd(program: readonly ProcessEntry[]): void {
    const fresh = program.filter((entry) => !asked.has(entry.pid) && !isExecuting(entry));
    for (const { pid } of fresh) asked.add(pid);
    send('SIGTERM', fresh);
    send('SIGCONT', fresh);
  }

  async function look(): Promise<{
    readonly wrapper: ProcessEntry | undefined;
    readonly program: readonly ProcessEntry[];
    readonly isNobody: boolean;
  }> {
    const left = await family.look();
    const program = left.filter((entry) => !family.isWrapperPart(entry));
    const isReading = isProgramGone && program.length === 0;
    readingSince = isReading ? (readingSince ?? performance.now()) : null;
    // Suspended before it got to its program, or with output to write, it would never get there.
    for (const entry of left) {
      if (entry.state === 'stopped' && family.isWrapperPart(entry)) family.signal(entry, 'SIGCONT');
    }
    return { wrapper: left.find((entry) => family.isWrapper(entry)), program, isNobody: left.length === 0 };
  }

  async function politely(): Promise<void> {
    // Once in any case where there is a grace period: on a busy machine one look can take longer than that.
    let isUnasked = options.asks;
    for (
      let pause = 5;
      isUnasked || performance.now() < options.forceAt();
      pause = Math.min(pause * 2, 100)
    ) {
      isUnasked = false;
      const { wrapper, program, isNobody } = await look();
      if (isNobody || hasReadLong() || !family.isOwned) return;
      // With the program gone, whatever is left is a stray. Before, a process that appears later belongs to the
      // cleaning up of one that was asked: it is left to it. But the program itself may not have been there yet.
      if (isProgramGone || asked.size === 0) askToEnd(program);
      const untilForce = Math.max(0, options.forceAt() - performance.now());
      if (isProgramGone || asked.size === 0) {
        await firstOf(Math.min(pause, untilForce), wrapper === undefined ? [] : [wrapperGone]);
      } else await firstOf(untilForce, [programGone, options.hurry()]);
    }
  }

  /** Somebody who cannot be found keeps the streams open. */
  function hasReadLong(): boolean {
    return readingSince !== null && performance.now() - readingSince >= readMs;
  }

  async function byForce(): Promise<void> {
    const from = performance.now();
    for (let pause = 2; performance.now() - from < proofMs; pause = Math.min(pause * 2, 50)) {
      const { wrapper, program, isNobody } = await look();
      if (isNobody || !family.isOwned) return;
      send('SIGKILL', program);
      isHeldOpen ||= hasReadLong();
      const isOverdue = program.length > 0 && performance.now() - from >= recordMs;
      // To the group, at one stroke: processes that multiply faster than they are counted end too.
      if (wrapper !== undefined && (isHeldOpen || isOverdue) && family.signalGroup(wrapper, 'SIGKILL')) {
        signals.add('SIGKILL');
      }
      await firstOf(pause, wrapper === undefined ? [] : [wrapperGone]);
    }
  }

  if ((await family.look()).length > 0) {
    await politely();
    if (family.size > 0) await byForce();
  }
  const tookMs = Math.round(performance.now() - startedAt);
  const survivors = family.size + (isHeldOpen ? 1 : 0);
  return { signals: [...signals], survivors, tookMs, processes: [...named.values()] };
}

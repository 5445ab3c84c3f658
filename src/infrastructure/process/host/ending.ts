import type { StopReport } from '../../../application/ports/agent-host.ts';
import type { AgentFamily } from '../tree/agent-processes.ts';
import type { ProcessEntry } from '../tree/proc-stat.ts';
import { firstOf } from './first-of.ts';

export interface EndingOptions {
  readonly family: AgentFamily;
  /** Send SIGTERM at least once before SIGKILL, however short the grace period is. */
  readonly asks: boolean;
  /**
   * When SIGKILL is due, in milliseconds of `performance.now()`, which a change of the system time does not move. Read
   * again before each wait.
   */
  readonly forceAt: () => number;
  /** Settles when the program has ended, or the wrapper, which would have reported it. */
  readonly programGone: Promise<unknown>;
  /** Settles when the wrapper has ended. */
  readonly wrapperGone: Promise<unknown>;
  /** Settles at the next change of `forceAt`. */
  readonly hurry: () => Promise<unknown>;
}

/** Maximum number of ended processes named in the report. */
const maxNamed = 10;
/** A process without a command line counts as between fork and exec for at most this long. */
const executingMs = 500;
/** From the first SIGKILL until the wrapper gets one too; before, it is spared, so that it can record the end. */
const recordMs = 1_000;
/** How long the wrapper's readers may take to write the last output after every process that prints has ended. */
const readMs = 3_000;
/** From the first SIGKILL until the remaining processes are reported as survivors. */
const proofMs = 5_000;
/** As many looks are made in any case: where each takes long, time alone says nothing about the processes. */
const proofLooks = 20;

/**
 * Ends all processes of an agent: SIGTERM (with SIGCONT, for stopped ones), a wait until `forceAt`, SIGKILL, and a last
 * scan that finds none. Sends no more signals once another MAOS owns the agent. The wrapper and its readers are signalled
 * last: they end by themselves when all output is written.
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
  /** Since when only the wrapper and its readers are left; null while the program has processes. */
  let readingSince: number | null = null;
  let isHeldOpen = false;

  function send(signal: NodeJS.Signals, entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      // Before the signal: an ended process has no command line.
      if (named.size < maxNamed && !named.has(entry.pid)) {
        const name = family.nameOf(entry);
        if (name !== null) named.set(entry.pid, name);
      }
      if (family.signal(entry, signal)) signals.add(signal);
    }
  }

  /** Between fork and exec it still runs the wrapper's code, which ignores SIGTERM. */
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
    // An exiting process has no command line, which would show that it is part of the wrapper, and needs no signal. Only
    // the kernel decides when it is gone, and the wrapper waits for it.
    const [exiting, live] = [left.filter(isExiting), left.filter((entry) => !isExiting(entry))];
    const program = live.filter((entry) => !family.isWrapperPart(entry));
    const isReading = isProgramGone && program.length === 0 && exiting.length === 0;
    readingSince = isReading ? (readingSince ?? performance.now()) : null;
    // A wrapper that was stopped before it started its program, or with output left to write, must continue to end.
    for (const entry of left) {
      if (entry.state === 'stopped' && family.isWrapperPart(entry)) family.signal(entry, 'SIGCONT');
    }
    return { wrapper: left.find((entry) => family.isWrapper(entry)), program, isNobody: left.length === 0 };
  }

  async function politely(): Promise<void> {
    // At least once if `asks`: on a busy machine one scan can take longer than the grace period.
    let isUnasked = options.asks;
    for (
      let pause = 5;
      isUnasked || performance.now() < options.forceAt();
      pause = Math.min(pause * 2, 100)
    ) {
      isUnasked = false;
      const { wrapper, program, isNobody } = await look();
      if (isNobody || hasReadLong() || !family.isOwned) return;
      // Once the program has ended, every other process is left behind and gets SIGTERM. Until then, a process that
      // appears after the first SIGTERM is taken for clean-up work of the program and is left alone.
      if (isProgramGone || asked.size === 0) askToEnd(program);
      const untilForce = Math.max(0, options.forceAt() - performance.now());
      if (isProgramGone || asked.size === 0) {
        await firstOf(Math.min(pause, untilForce), wrapper === undefined ? [] : [wrapperGone]);
      } else await firstOf(untilForce, [programGone, options.hurry()]);
    }
  }

  /** A process that the scan does not find keeps the output streams open. */
  function hasReadLong(): boolean {
    return readingSince !== null && performance.now() - readingSince >= readMs;
  }

  async function byForce(): Promise<void> {
    const from = performance.now();
    let pause = 2;
    for (let looks = 0; looks < proofLooks || performance.now() - from < proofMs; looks += 1) {
      const { wrapper, program, isNobody } = await look();
      if (isNobody || !family.isOwned) return;
      send('SIGKILL', program);
      isHeldOpen ||= hasReadLong();
      // A wrapper that has lost a part of itself waits for ever, and never reports that the program has ended.
      const isOverdue = performance.now() - from >= (program.length > 0 ? recordMs : readMs);
      // To the whole group at once: this also ends processes that fork faster than a scan can list them.
      if (wrapper !== undefined && (isHeldOpen || isOverdue) && family.signalGroup(wrapper, 'SIGKILL')) {
        signals.add('SIGKILL');
      }
      await firstOf(pause, wrapper === undefined ? [] : [wrapperGone]);
      pause = Math.min(pause * 2, 50);
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

function isExiting({ state }: ProcessEntry): boolean {
  return state === 'exiting';
}

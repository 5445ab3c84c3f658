import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReport } from '../../application/ports.ts';
import { type AgentFamily, signalGroup, signalProcess } from './agent-processes.ts';
import { firstOf } from './first-of.ts';
import type { ProcessEntry } from './proc-stat.ts';

export interface EndingOptions {
  readonly family: AgentFamily;
  /**
   * When force is used, in milliseconds of `performance.now()`, which no change of the machine's clock moves; asked
   * again whenever it may have changed.
   */
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
  const { family, wrapperGone } = options;
  const startedAt = performance.now();
  const signals = new Set<NodeJS.Signals>();
  const asked = new Set<number>();
  let isWrapperGone = false;
  void wrapperGone.then(() => {
    isWrapperGone = true;
  });

  function send(signal: NodeJS.Signals, entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      if (signalProcess(entry, signal)) signals.add(signal);
    }
  }

  function askToEnd(entries: readonly ProcessEntry[]): void {
    const fresh = entries.filter(({ pid }) => !asked.has(pid));
    const hatching = fresh.filter((entry) => family.isHatching(entry));
    const ready = fresh.filter((entry) => !hatching.includes(entry));
    for (const { pid } of ready) asked.add(pid);
    send('SIGTERM', ready);
    send('SIGCONT', ready);
    // Suspended before it got to its program, it would never get there.
    for (const entry of hatching) if (entry.state === 'stopped') signalProcess(entry, 'SIGCONT');
  }

  async function politely(): Promise<void> {
    for (let pause = 5; performance.now() < options.forceAt(); pause = Math.min(pause * 2, 100)) {
      const left = await family.look();
      if (left.length === 0) return;
      // With the wrapper gone, whatever is left is a stray. Before, a process that appears later belongs to the
      // cleaning up of one that was asked: it is left to it. But the program itself may not have been there yet.
      const isProgramAsked = asked.size > 1;
      if (isWrapperGone || !isProgramAsked) askToEnd(left);
      const untilForce = options.forceAt() - performance.now();
      if (isWrapperGone || asked.size <= 1) await sleep(Math.min(pause, Math.max(untilForce, 0)));
      else await firstOf(untilForce, [wrapperGone, options.hurry()]);
    }
  }

  async function byForce(): Promise<void> {
    const from = performance.now();
    for (let pause = 2; performance.now() - from < proofMs; pause = Math.min(pause * 2, 50)) {
      const left = await family.look();
      if (left.length === 0) return;
      const wrapper = left.find((entry) => family.isWrapper(entry));
      send(
        'SIGKILL',
        left.filter((entry) => entry !== wrapper),
      );
      if (wrapper !== undefined) {
        if (performance.now() - from < recordMs) signalProcess(wrapper, 'SIGCONT');
        // To the group, at one stroke: processes that multiply faster than they are counted end too.
        else if (signalGroup(wrapper, 'SIGKILL')) signals.add('SIGKILL');
      }
      await firstOf(pause, wrapper === undefined ? [] : [wrapperGone]);
    }
  }

  if ((await family.look()).length > 0) {
    await politely();
    if (family.size > 0) await byForce();
  }
  const tookMs = Math.round(performance.now() - startedAt);
  return { signals: [...signals], survivors: family.size, tookMs };
}

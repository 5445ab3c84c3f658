import { setTimeout as sleep } from 'node:timers/promises';
import { MaosError } from '../../../domain/errors.ts';
import type { AgentFamily } from '../tree/agent-processes.ts';
import type { ProcessEntry } from '../tree/proc-stat.ts';

/** From the first SIGSTOP until what still moves counts as impossible to stop. */
const patienceMs = 5_000;
/** A look during which a process of the machine ended may have missed one: so many such looks are enough all the same. */
const incompleteLooks = 3;

/**
 * Makes all processes of an agent stand still, but for the wrapper and its parts: they only wait, and so the end of a
 * program that is killed while suspended is recorded at once, and what it has printed is written.
 *
 * Problem: a process can fork between being seen and being stopped.
 * Solution: signals and looks until one look finds nobody who moves; the wrapper's group is stopped at one stroke,
 * against processes that multiply faster than they are counted. (A chain of processes that each leave the group and
 * live for a few milliseconds only can still run ahead of the looks: that ends in the error.)
 * @param isWanted asked before every signal: false when the agent is to be ended or to proceed by now
 * @throws MaosError INTERNAL when some still move after five seconds; the others stand still then
 */
export async function suspendAgentProcesses(family: AgentFamily, isWanted: () => boolean): Promise<void> {
  const until = performance.now() + patienceMs;
  const signalled = new Set<string>();
  let calmLooks = 0;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const all = await family.look();
    if (all.length === 0 || !isWanted() || !family.isOwned) return;
    const wrapper = all.find((entry) => family.isWrapper(entry));
    const parts = all.filter((entry) => family.isWrapperPart(entry));
    const program = all.filter((entry) => !family.isWrapperPart(entry));
    const moving = program.filter((entry) => !standsStill(entry, signalled));
    // With nobody but the wrapper, the program is about to begin or has just ended.
    const isCalm =
      program.length > 0 && moving.length === 0 && parts.every(({ state }) => state !== 'stopped');
    calmLooks = isCalm ? calmLooks + 1 : 0;
    if (isCalm && (!family.incomplete || calmLooks >= incompleteLooks)) return;
    if (performance.now() > until) throw stillMoving(family, isCalm ? [] : moving);

    if (moving.length > 0 && wrapper !== undefined) family.signalGroup(wrapper, 'SIGSTOP');
    for (const entry of moving) {
      if (family.signal(entry, 'SIGSTOP')) signalled.add(keyOf(entry));
    }
    for (const part of parts) family.signal(part, 'SIGCONT');
    // Whoever multiplies gets no time for it.
    if (moving.length === 0) await sleep(isCalm ? 0 : pause);
  }
}

/**
 * Lets all processes of an agent go on, whoever stopped them; with none stopped it is without effect.
 * @param isWanted asked before every signal: false when the agent is to be ended or to stand still by now
 */
export async function proceedAgentProcesses(family: AgentFamily, isWanted: () => boolean): Promise<void> {
  const signalled = new Set<string>();
  for (;;) {
    const all = await family.look();
    if (!isWanted() || !family.isOwned) return;
    // At first to all: a stop may be on its way to one that still moves. What is stopped again has its own reasons.
    const waiting = all.filter((entry) => !signalled.has(keyOf(entry)));
    if (waiting.every(({ state }) => state === 'live') && signalled.size > 0) return;
    if (waiting.length === 0) return;
    for (const entry of waiting) {
      family.signal(entry, 'SIGCONT');
      signalled.add(keyOf(entry));
    }
  }
}

/** A blocked process does not return to its program before the stop that waits for it. */
function standsStill(entry: ProcessEntry, signalled: ReadonlySet<string>): boolean {
  return entry.state === 'stopped' || (entry.state === 'blocked' && signalled.has(keyOf(entry)));
}

function keyOf({ pid, start }: ProcessEntry): string {
  return `${pid} ${start}`;
}

function stillMoving(family: AgentFamily, moving: readonly ProcessEntry[]): MaosError {
  const pids = moving.map(({ pid }) => pid);
  const who = pids.length === 0 ? 'its program did not start' : `process ${pids.join(', ')} still running`;
  return new MaosError(
    'INTERNAL',
    `Agent ${family.mark.agentId} could not be suspended within ${patienceMs / 1000} s: ${who}. The other processes are suspended; resume or cancel the session.`,
    { details: { agentId: family.mark.agentId, pids } },
  );
}

import { setTimeout as sleep } from 'node:timers/promises';
import { MaosError } from '../../../domain/errors.ts';
import type { AgentFamily } from '../tree/agent-processes.ts';
import type { ProcessEntry } from '../tree/proc-stat.ts';

/** From the first SIGSTOP until processes that still run are an error. */
const patienceMs = 5_000;
/** As many looks are made in any case: where each takes long, time alone says nothing about the agent. */
const patienceLooks = 20;
/** A scan is incomplete when a process of the machine ended meanwhile; after this many calm scans in a row it counts anyway. */
const incompleteLooks = 3;

/**
 * Stops (SIGSTOP) all processes of an agent except the wrapper and its readers. Those use no CPU, and they record at once
 * when a suspended program is killed.
 *
 * Problem: a process can fork between the scan that lists it and the signal that stops it.
 * Solution: scan and signal until a scan finds no running process. The wrapper's group is signalled as a whole, which also
 * stops processes that fork faster than a scan can list them. (A chain of short-lived processes that each leave the group
 * can still escape; that ends in the error.)
 * @param isWanted called before every signal: false when the agent is to be ended or resumed instead
 * @throws MaosError INTERNAL when some still run after five seconds and twenty looks; the others are suspended then
 */
export async function suspendAgentProcesses(family: AgentFamily, isWanted: () => boolean): Promise<void> {
  const until = performance.now() + patienceMs;
  const signalled = new Set<string>();
  let calmLooks = 0;
  for (let looks = 1, pause = 1; ; looks += 1, pause = Math.min(pause * 2, 50)) {
    const all = await family.look();
    if (all.length === 0 || !isWanted() || !family.isOwned) return;
    const wrapper = all.find((entry) => family.isWrapper(entry));
    const parts = all.filter((entry) => family.isWrapperPart(entry));
    const program = all.filter((entry) => !family.isWrapperPart(entry));
    const moving = program.filter((entry) => !standsStill(entry, signalled));
    // With only the wrapper left, the program is about to start or has just ended.
    const isCalm =
      program.length > 0 && moving.length === 0 && parts.every(({ state }) => state !== 'stopped');
    calmLooks = isCalm ? calmLooks + 1 : 0;
    if (isCalm && (!family.incomplete || calmLooks >= incompleteLooks)) return;
    if (!isCalm && looks >= patienceLooks && performance.now() > until) throw stillMoving(family, moving);

    if (moving.length > 0 && wrapper !== undefined) family.signalGroup(wrapper, 'SIGSTOP');
    for (const entry of moving) {
      if (family.signal(entry, 'SIGSTOP')) signalled.add(keyOf(entry));
    }
    for (const part of parts) family.signal(part, 'SIGCONT');
    // No wait while some still run: a process that forks must not get time to.
    if (moving.length === 0) await sleep(isCalm ? 0 : pause);
  }
}

/**
 * Resumes (SIGCONT) all processes of an agent, whoever stopped them.
 * @param isWanted called before every signal: false when the agent is to be ended or suspended instead
 */
export async function proceedAgentProcesses(family: AgentFamily, isWanted: () => boolean): Promise<void> {
  const signalled = new Set<string>();
  for (;;) {
    const all = await family.look();
    if (!isWanted() || !family.isOwned) return;
    // In the first round to all: a SIGSTOP may still be pending for one that runs. One that is stopped again afterwards
    // was not stopped by MAOS.
    const waiting = all.filter((entry) => !signalled.has(keyOf(entry)));
    if (waiting.every(({ state }) => state === 'live') && signalled.size > 0) return;
    if (waiting.length === 0) return;
    for (const entry of waiting) {
      family.signal(entry, 'SIGCONT');
      signalled.add(keyOf(entry));
    }
  }
}

/** A process in uninterruptible sleep stops before it returns to its program. */
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

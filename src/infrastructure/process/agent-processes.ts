import { Kinship } from './kinship.ts';
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
  function take(entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      if (entry.pid !== process.pid && entry.start >= earliest) found.set(entry.pid, entry);
    }
  }
  const kinship = Kinship.of(snapshot);
  if (trusted !== null) take(kinship.inSessionOrGroup(trusted.pid));
  take(kinship.marked(agentId, earliest));
  // A Map visits what is added while it is walked: the whole tree.
  for (const { pid } of found.values()) take(kinship.childrenOf(pid));
  return [...found.values()];
}

/** The processes of one agent, looked at again and again. */
export class AgentFamily {
  readonly mark: AgentMark;
  readonly #table: ProcessTable;
  /** All that were seen and still live: a parent that ends first takes its children out of the agent's tree. */
  readonly #known = new Map<number, ProcessEntry>();
  #snapshot: ProcessSnapshot | null = null;

  constructor(mark: AgentMark, table: ProcessTable) {
    this.mark = mark;
    this.#table = table;
  }

  /** How many there were at the last look. */
  get size(): number {
    return this.#known.size;
  }

  /** True when the last look may have missed a process. */
  get blurred(): boolean {
    return this.#snapshot?.blurred ?? false;
  }

  async look(): Promise<readonly ProcessEntry[]> {
    for (const secondLook of [false, true]) {
      const snapshot = await this.#table.snapshot();
      this.#snapshot = snapshot;
      for (const { pid, start } of this.#known.values()) {
        const entry = snapshot.processes.get(pid);
        if (entry?.start === start) this.#known.set(pid, entry);
        else this.#known.delete(pid);
      }
      for (const entry of findAgentProcesses(snapshot, this.mark)) this.#known.set(entry.pid, entry);
      if (this.#known.size > 0 || !snapshot.blurred || secondLook) break;
    }
    return [...this.#known.values()];
  }

  isWrapper({ pid }: ProcessEntry): boolean {
    return pid === this.mark.wrapper?.pid;
  }

  /** Forked by the wrapper, and about to execute the program: there it still swallows signals as the wrapper does. */
  isHatching(entry: ProcessEntry): boolean {
    const { wrapper } = this.mark;
    const parent = wrapper === null ? undefined : this.#known.get(wrapper.pid);
    if (this.#snapshot === null || parent === undefined || entry.ppid !== parent.pid) return false;
    return this.#snapshot.commandOf(entry) === this.#snapshot.commandOf(parent);
  }
}

/** @returns whether there was such a process to get it */
export function signalProcess(entry: ProcessEntry, signal: NodeJS.Signals): boolean {
  return isStill(entry) && sendSignal(entry.pid, signal);
}

/** To the wrapper's group, at one stroke: the wrapper must have been seen at the last look. */
export function signalGroup(wrapper: ProcessEntry, signal: NodeJS.Signals): boolean {
  return isStill(wrapper) && sendSignal(-wrapper.pid, signal);
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

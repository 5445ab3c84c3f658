import { shorten } from '../../../domain/cut-text.ts';
import { redactText } from '../../logging/redact.ts';
import { isReaderCommand, isWrapperCommand } from '../host/wrapper-script.ts';
import { type ProcessEntry, readProcStat } from './proc-stat.ts';
import type { ProcessSnapshot, ProcessTable } from './process-table.ts';
import { ProcessTreeIndex } from './process-tree-index.ts';

/** Longest command line that is shown, in characters. */
const maxCommand = 120;

/** How the processes of one agent are told from all others. */
export interface AgentMark {
  readonly agentId: string;
  readonly attempt: number;
  /**
   * The wrapper, when this MAOS has seen it alive: leader of a session and a group of its own, started at `start`
   * (in the unit of {@link ProcessEntry}), and after `forks` others where this MAOS started it. Null when only its pid is on record: that may be another's by now.
   */
  readonly wrapper: { readonly pid: number; readonly start: number; readonly forks?: number } | null;
}

/**
 * All processes of an agent's attempt: the wrapper, its session and group, whatever has the agent's id in its environment, and
 * the descendants of all these. Never MAOS itself.
 *
 * A team inside the agent has ids of its own: it is found as long as it descends from the agent. What a nested MAOS
 * detached is the nested MAOS's, with all that descends from it.
 */
export function findAgentProcesses(snapshot: ProcessSnapshot, mark: AgentMark): ProcessEntry[] {
  const { processes } = snapshot;
  const { agentId, attempt, wrapper } = mark;
  const leader = wrapper === null ? undefined : processes.get(wrapper.pid);
  // The pid of a wrapper that is gone can be another session's by now.
  const trusted =
    wrapper !== null && (leader === undefined || leader.start === wrapper.start) ? wrapper : null;
  const earliest = wrapper?.start ?? 0;

  const found = new Map<number, ProcessEntry>();
  function take(entries: readonly ProcessEntry[]): void {
    for (const entry of entries) {
      if (entry.pid === process.pid || entry.start < earliest || found.has(entry.pid)) continue;
      if (!snapshot.isDetachedFrom(agentId, entry)) found.set(entry.pid, entry);
    }
  }
  const kinship = ProcessTreeIndex.of(snapshot);
  if (trusted !== null) take(kinship.inSessionOrGroup(trusted.pid));
  take(kinship.marked(agentId, attempt, earliest));
  // A Map visits what is added while it is walked: the whole tree.
  for (const { pid } of found.values()) take(kinship.childrenOf(pid));
  return [...found.values()];
}

/**
 * The processes by which MAOS runs the agent, and which are not the agent's own: the wrapper, its subshells, the
 * readers of the program's streams; also what is about to execute the program, for as long as it is a subshell.
 * @param wrapper its pid
 */
export function findWrapperParts(snapshot: ProcessSnapshot, wrapper: number): ReadonlySet<number> {
  const parts = new Set([wrapper]);
  const kinship = ProcessTreeIndex.of(snapshot);
  // A Set visits what is added while it is walked. Children of a reader or of the program are none of them.
  for (const part of parts) {
    for (const child of kinship.childrenOf(part)) {
      const command = child.sid === wrapper ? snapshot.commandOf(child) : '';
      if (isWrapperCommand(command) || isReaderCommand(command)) parts.add(child.pid);
    }
  }
  return parts;
}

/** The processes of one agent, looked at again and again. */
export class AgentFamily {
  readonly mark: AgentMark;
  readonly #table: ProcessTable;
  readonly #isOwned: () => boolean;
  /** All that were seen and still live: a parent that ends first takes its children out of the agent's tree. */
  readonly #known = new Map<number, ProcessEntry>();
  #snapshot: ProcessSnapshot | null = null;
  #parts: ReadonlySet<number> = new Set();

  /** @param isOwned whether this MAOS may still touch the agent; asked before every signal */
  constructor(mark: AgentMark, table: ProcessTable, isOwned: () => boolean) {
    this.mark = mark;
    this.#table = table;
    this.#isOwned = isOwned;
  }

  /** False once another MAOS owns the agent: this one sends no more signals. */
  get isOwned(): boolean {
    return this.#isOwned();
  }

  /** @returns whether there was such a process to get it */
  signal(entry: ProcessEntry, signal: NodeJS.Signals): boolean {
    return this.isOwned && isStill(entry) && sendSignal(entry.pid, signal);
  }

  /** To the wrapper's group, at one stroke: the wrapper must have been seen at the last look. */
  signalGroup(wrapper: ProcessEntry, signal: NodeJS.Signals): boolean {
    return this.isOwned && isStill(wrapper) && sendSignal(-wrapper.pid, signal);
  }

  /** How many processes the last look found. */
  get size(): number {
    return this.#known.size;
  }

  /** True when the last look may have missed a process. */
  get incomplete(): boolean {
    return this.#snapshot?.incomplete ?? false;
  }

  async look(): Promise<readonly ProcessEntry[]> {
    const { wrapper } = this.mark;
    const since = wrapper?.forks === undefined ? null : { pid: wrapper.pid, forks: wrapper.forks };
    for (const secondLook of [false, true]) {
      const snapshot = await this.#table.snapshot(since);
      this.#snapshot = snapshot;
      for (const { pid, start } of this.#known.values()) {
        const entry = snapshot.processes.get(pid);
        // One that was seen before it executed its program may be detached by now.
        const isMember = entry?.start === start && !snapshot.isDetachedFrom(this.mark.agentId, entry);
        if (isMember) this.#known.set(pid, entry);
        else this.#known.delete(pid);
      }
      for (const entry of findAgentProcesses(snapshot, this.mark)) this.#known.set(entry.pid, entry);
      const isWrapperThere = wrapper !== null && this.#known.has(wrapper.pid);
      this.#parts = isWrapperThere ? findWrapperParts(snapshot, wrapper.pid) : new Set();
      if (this.#known.size > 0 || !snapshot.incomplete || secondLook) break;
    }
    return [...this.#known.values()];
  }

  isWrapper({ pid }: ProcessEntry): boolean {
    return pid === this.mark.wrapper?.pid;
  }

  /** For people: the process's command line, cut and without known secrets, and its pid; null when it has ended. */
  nameOf(entry: ProcessEntry): string | null {
    const words = Buffer.from(this.#snapshot?.commandOf(entry) ?? '', 'latin1').toString();
    const line = redactText(words.replaceAll(/\s+|\0/g, ' ').trim());
    if (line === '') return null;
    return `${shorten(line, maxCommand)} (${entry.pid})`;
  }

  /** The wrapper, or another of the processes by which MAOS runs the agent; none once the wrapper is gone. */
  isWrapperPart({ pid }: ProcessEntry): boolean {
    return this.#parts.has(pid);
  }
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

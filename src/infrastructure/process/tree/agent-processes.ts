import { shorten } from '../../../domain/cut-text.ts';
import { redactText } from '../../logging/redact.ts';
import { type ProcessEntry, readProcStat } from './proc-stat.ts';
import type { ProcessSnapshot, ProcessTable } from './process-table.ts';
import { ProcessTreeIndex } from './process-tree-index.ts';

/** Maximum length of a displayed command line, in characters. */
const maxCommand = 120;

/** What identifies the processes of one agent. */
export interface AgentMark {
  readonly agentId: string;
  readonly attempt: number;
  /**
   * The wrapper, if this MAOS has seen it alive: leader of its own session and group, started at `start` (in the unit
   * of {@link ProcessEntry}) and, if this MAOS started it, after `forks` other processes. Null when only its pid is
   * recorded, because another process may have that pid now.
   */
  readonly wrapper: { readonly pid: number; readonly start: number; readonly forks?: number } | null;
}

/**
 * All processes of an agent's attempt: the wrapper, its session and group, every process with the agent's mark, and all
 * their descendants. Never MAOS itself.
 *
 * A nested team inside the agent has its own marks and is found as long as it descends from the agent. Processes that a
 * nested MAOS has detached, and their descendants, do not belong to the agent.
 */
export function findAgentProcesses(snapshot: ProcessSnapshot, mark: AgentMark): ProcessEntry[] {
  const { processes } = snapshot;
  const { agentId, attempt, wrapper } = mark;
  const leader = wrapper === null ? undefined : processes.get(wrapper.pid);
  // Once the wrapper has ended, its pid can belong to another session.
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
  const tree = ProcessTreeIndex.of(snapshot);
  if (trusted !== null) take(tree.inSessionOrGroup(trusted.pid));
  take(tree.marked(agentId, attempt, earliest));
  // A Map iterates over entries added meanwhile, so this reaches the whole tree.
  for (const { pid } of found.values()) take(tree.childrenOf(pid));
  return [...found.values()];
}

/**
 * The processes that MAOS runs the agent with, which are not part of the agent's program: the wrapper, its subshells
 * and the readers of the output streams. Includes the process that is about to execute the program, while it still runs
 * the wrapper's code.
 * @param wrapper its pid
 */
export function findWrapperParts(snapshot: ProcessSnapshot, wrapper: number): ReadonlySet<number> {
  const parts = new Set([wrapper]);
  const tree = ProcessTreeIndex.of(snapshot);
  // A Set iterates over entries added meanwhile. Children of the program or of a reader do not qualify.
  for (const part of parts) {
    for (const child of tree.childrenOf(part)) {
      if (child.sid === wrapper && snapshot.isWrapperPart(child)) parts.add(child.pid);
    }
  }
  return parts;
}

/** Scans the processes of one agent repeatedly. */
export class AgentFamily {
  readonly mark: AgentMark;
  readonly #table: ProcessTable;
  readonly #isOwned: () => boolean;
  /** Every process seen so far that still lives. When a parent ends first, its children leave the agent's tree. */
  readonly #known = new Map<number, ProcessEntry>();
  #snapshot: ProcessSnapshot | null = null;
  #parts: ReadonlySet<number> = new Set();

  /** @param isOwned whether this MAOS may still signal the agent; called before every signal */
  constructor(mark: AgentMark, table: ProcessTable, isOwned: () => boolean) {
    this.mark = mark;
    this.#table = table;
    this.#isOwned = isOwned;
  }

  /** False once another MAOS owns the agent: this one sends no more signals. */
  get isOwned(): boolean {
    return this.#isOwned();
  }

  /** @returns false when the process has ended or may not be signalled */
  signal(entry: ProcessEntry, signal: NodeJS.Signals): boolean {
    return this.isOwned && isStill(entry) && sendSignal(entry.pid, signal);
  }

  /** Signals the wrapper's whole group. The last scan must have seen the wrapper. */
  signalGroup(wrapper: ProcessEntry, signal: NodeJS.Signals): boolean {
    return this.isOwned && isStill(wrapper) && sendSignal(-wrapper.pid, signal);
  }

  /** Number of processes that the last scan found. */
  get size(): number {
    return this.#known.size;
  }

  /** True when the last scan may have missed a process. */
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
        // A process seen before it executed its program may be detached now.
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

  /**
   * The process for display: command line, shortened and with known secrets redacted, and pid. Null when it has ended.
   */
  nameOf(entry: ProcessEntry): string | null {
    const words = Buffer.from(this.#snapshot?.commandOf(entry) ?? '', 'latin1').toString();
    const line = redactText(words.replaceAll(/\s+|\0/g, ' ').trim());
    if (line === '') return null;
    return `${shorten(line, maxCommand)} (${entry.pid})`;
  }

  /** Whether it is the wrapper or one of its helper processes. Always false once the wrapper has ended. */
  isWrapperPart({ pid }: ProcessEntry): boolean {
    return this.#parts.has(pid);
  }
}

/**
 * Whether the pid still belongs to the same process as in the snapshot. Only checked on Linux: elsewhere it takes too
 * long.
 */
export function isStill({ pid, start }: ProcessEntry): boolean {
  return process.platform !== 'linux' || readProcStat(pid)?.start === start;
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it has ended. EPERM: it now runs as another user, and will be reported as a survivor.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

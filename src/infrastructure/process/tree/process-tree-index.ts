import { limitMark } from './limit-mark.ts';
import type { ProcessEntry } from './proc-stat.ts';
import type { ProcessSnapshot } from './process-table.ts';

/**
 * Who belongs to whom in a snapshot, found once for all agents: then each of two hundred costs what its own
 * processes cost, and not what all processes of the machine do.
 */
export class ProcessTreeIndex {
  readonly #snapshot: ProcessSnapshot;
  readonly #children = new Map<number, ProcessEntry[]>();
  readonly #sessions = new Map<number, ProcessEntry[]>();
  readonly #groups = new Map<number, ProcessEntry[]>();
  readonly #newestFirst: readonly ProcessEntry[];
  readonly #marked = new Map<string, ProcessEntry[]>();
  readonly #attempts = new Map<ProcessEntry, number | null>();
  /** So many of the newest have been asked for their mark. */
  #asked = 0;

  private constructor(snapshot: ProcessSnapshot) {
    this.#snapshot = snapshot;
    for (const entry of snapshot.processes.values()) {
      add(this.#children, entry.ppid, entry);
      add(this.#sessions, entry.sid, entry);
      add(this.#groups, entry.pgid, entry);
    }
    this.#newestFirst = [...snapshot.processes.values()].sort((a, b) => b.start - a.start);
  }

  static readonly #known = new WeakMap<ProcessSnapshot, ProcessTreeIndex>();

  static of(snapshot: ProcessSnapshot): ProcessTreeIndex {
    const known = ProcessTreeIndex.#known.get(snapshot);
    if (known !== undefined) return known;
    const made = new ProcessTreeIndex(snapshot);
    ProcessTreeIndex.#known.set(snapshot, made);
    return made;
  }

  childrenOf(pid: number): readonly ProcessEntry[] {
    return this.#children.get(pid) ?? [];
  }

  inSessionOrGroup(leader: number): readonly ProcessEntry[] {
    return [...(this.#sessions.get(leader) ?? []), ...(this.#groups.get(leader) ?? [])];
  }

  /**
   * Processes with the agent's id in their environment, of this attempt or of one before it: what those left behind is
   * nobody else's any more, and what comes after is not this attempt's; or with its number among their limits.
   * Environments are read as far back as asked for: what is older
   * than an agent is not its own, and most of a machine's processes are older.
   * @param since the earliest start, in the unit of {@link ProcessEntry}
   */
  marked(agentId: string, attempt: number, since: number): readonly ProcessEntry[] {
    for (; ; this.#asked++) {
      const entry = this.#newestFirst[this.#asked];
      if (entry === undefined || entry.start < since) break;
      const mark = this.#snapshot.markOf(entry);
      if (mark === null) continue;
      add(this.#marked, mark.agentId, entry);
      this.#attempts.set(entry, mark.attempt);
    }
    const marked = [
      ...(this.#marked.get(agentId) ?? []),
      ...(this.#marked.get(`#${limitMark(agentId)}`) ?? []),
    ];
    return marked.filter((entry) => (this.#attempts.get(entry) ?? attempt) <= attempt);
  }
}

function add(index: Map<number | string, ProcessEntry[]>, key: number | string, entry: ProcessEntry): void {
  const entries = index.get(key);
  if (entries === undefined) index.set(key, [entry]);
  else entries.push(entry);
}

import { limitMark } from './limit-mark.ts';
import type { ProcessEntry } from './proc-stat.ts';
import type { ProcessSnapshot } from './process-table.ts';

/**
 * Indexes a process snapshot by parent, session, group and agent mark, once for all agents. The cost of an agent then
 * depends on its own processes only, not on all processes of the machine.
 */
export class ProcessTreeIndex {
  readonly #snapshot: ProcessSnapshot;
  readonly #children = new Map<number, ProcessEntry[]>();
  readonly #sessions = new Map<number, ProcessEntry[]>();
  readonly #groups = new Map<number, ProcessEntry[]>();
  readonly #newestFirst: readonly ProcessEntry[];
  readonly #marked = new Map<string, ProcessEntry[]>();
  readonly #attempts = new Map<ProcessEntry, number | null>();
  /** Rarely, so that the number of an agent, a hash, is seldom needed. */
  #isMarkedByLimit = false;
  /** Number of the newest processes whose marks have been read. */
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
   * Processes that carry the agent's mark, in their environment or among their resource limits, from this attempt or an
   * earlier one. Processes that an earlier attempt left behind belong to this one; those of a later attempt do not.
   * Reads environments only of processes started since `since`: older ones cannot be the agent's, and most are older.
   * @param since the earliest start, in the unit of {@link ProcessEntry}
   */
  marked(agentId: string, attempt: number, since: number): readonly ProcessEntry[] {
    for (; ; this.#asked++) {
      const entry = this.#newestFirst[this.#asked];
      if (entry === undefined || entry.start < since) break;
      const mark = this.#snapshot.markOf(entry);
      if (mark === null) continue;
      add(this.#marked, mark.agentId, entry);
      this.#isMarkedByLimit ||= mark.agentId.startsWith('#');
      this.#attempts.set(entry, mark.attempt);
    }
    const byEnvironment = this.#marked.get(agentId) ?? [];
    const marked = this.#isMarkedByLimit
      ? [...byEnvironment, ...(this.#marked.get(`#${limitMark(agentId)}`) ?? [])]
      : byEnvironment;
    return marked.filter((entry) => (this.#attempts.get(entry) ?? attempt) <= attempt);
  }
}

function add(index: Map<number | string, ProcessEntry[]>, key: number | string, entry: ProcessEntry): void {
  const entries = index.get(key);
  if (entries === undefined) index.set(key, [entry]);
  else entries.push(entry);
}

import { type Agent, isStartable } from '../../domain/agent.ts';
import { type DomainEvent, sessionEvent } from '../../domain/events.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { AgentDisk, FoundFile } from '../ports/agent-disk.ts';
import type { ArtifactRecord } from '../ports/session-summary.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface RecordedArtifacts {
  readonly records: readonly ArtifactRecord[];
  readonly events: readonly DomainEvent[];
}

const cutShort = 'not every file was looked at, because somebody waited for the end';
/** Most kinds of skipped files that are reported. */
const maxSkipped = 50;

/**
 * Finds what agents left in shared context and results since the last look. A file in an agent's own results folder is
 * that agent's; any other is attributed to the one agent that ran when it was last modified. Where several ran, all are
 * named as candidates and none as the author: nothing is guessed.
 */
export class ArtifactRecorder {
  readonly #disk: AgentDisk;
  /** What was last seen of each path: size and time of modification. */
  readonly #seen = new Map<string, string>();
  readonly #known = new Map<string, ArtifactRecord>();
  /** What was reported as skipped, without its numbers: these change from scan to scan. */
  readonly #skipped = new Set<string>();

  /** @param known the newest stored record of each path */
  constructor(disk: AgentDisk, known: readonly ArtifactRecord[]) {
    this.#disk = disk;
    for (const record of known) this.#known.set(record.path, record);
  }

  /** The newest record of each path, sorted by path. */
  get records(): readonly ArtifactRecord[] {
    return [...this.#known.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /**
   * @param workflow in which agents that just ended are still running
   * @param signal ends the look at once with what has been found; the next one, if there is one, finds the rest
   */
  async collect(workflow: Workflow, at: string, signal?: AbortSignal): Promise<RecordedArtifacts> {
    const records: ArtifactRecord[] = [];
    const running = workflow.agents.filter((agent) => agent.state === 'running');
    // Every folder at the end; before that only those of agents that could have written, or a large team's cost grows
    // with its square.
    const last = running.length <= 1 && !workflow.agents.some((agent) => isStartable(agent.state));
    const resultsOf = last ? undefined : new Set(running.map((agent) => agent.name));
    const { id } = workflow.session;
    const skipped: DomainEvent[] = [];
    const onSkipped = (reason: string): void => {
      if (signal?.aborted) return;
      const kind = (reason.split(';', 1)[0] as string).replaceAll(/\d+/g, '#');
      if (this.#skipped.has(kind) || this.#skipped.size >= maxSkipped) return;
      this.#skipped.add(kind);
      skipped.push(sessionEvent('artifact.skipped', id, at, { reason }));
    };
    const scan = this.#disk.scanArtifacts(id, resultsOf, onSkipped);
    for (const file of await unlessAborted(scan, signal, [])) {
      if (signal?.aborted) break;
      const stamp = `${file.sizeBytes} ${file.modifiedAt}`;
      if (this.#seen.get(file.path) === stamp) continue;
      const digest = await unlessAborted(file.digest(signal), signal, null);
      // What is only being written is recorded when it is whole; the last look takes what there is.
      if (digest === null || !(digest.isSteady || last)) continue;
      const { sizeBytes, sha256 } = digest;
      this.#seen.set(file.path, stamp);
      if (this.#known.get(file.path)?.sha256 === sha256) continue;
      const authors = this.#authors(file, workflow.agents, at);
      const { path } = file;
      const only = authors.length === 1 ? authors[0] : undefined;
      const candidates = authors.map((agent) => agent.name);
      const record = { path, sizeBytes, sha256, by: only?.id ?? null, candidates, recordedAt: at };
      this.#known.set(path, record);
      records.push(record);
    }
    if (signal?.aborted && last) skipped.push(sessionEvent('artifact.skipped', id, at, { reason: cutShort }));
    const events = records.map(({ recordedAt: _, ...data }) =>
      sessionEvent('artifact.recorded', id, at, data),
    );
    return { records, events: [...events, ...skipped] };
  }

  #authors({ owner, modifiedAt }: FoundFile, agents: readonly Agent[], now: string): readonly Agent[] {
    const byFolder = agents.filter((agent) => agent.name === owner);
    if (byFolder.length > 0) return byFolder;
    const ran = agents.filter((agent) => agent.startedAt !== null);
    const during = ran.filter(
      (agent) => (agent.startedAt as string) <= modifiedAt && modifiedAt <= (agent.endedAt ?? now),
    );
    // A file may carry an older time than its writing (copied, unpacked): then an agent that runs now may have written it.
    return during.length > 0 ? during : ran.filter((agent) => agent.state === 'running');
  }
}

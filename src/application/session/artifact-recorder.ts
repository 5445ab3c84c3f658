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
/** Maximum number of reported kinds of skipped files. */
const maxSkipped = 50;

/**
 * Finds what agents left in shared context and results since the last scan. A file in an agent's own results folder
 * belongs to that agent. Any other is attributed to the only agent that ran when it was last modified; if several ran,
 * all are candidates and none is the author, because nothing is guessed.
 */
export class ArtifactRecorder {
  readonly #disk: AgentDisk;
  /** Size and modification time of each path at the last scan. */
  readonly #seen = new Map<string, string>();
  readonly #known = new Map<string, ArtifactRecord>();
  /** Reported kinds of skipped files, without numbers, which change from scan to scan. */
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
   * @param workflow with the agents that just ended still in state running
   * @param signal ends the scan immediately with what it has found; a later scan finds the rest
   */
  async collect(workflow: Workflow, at: string, signal?: AbortSignal): Promise<RecordedArtifacts> {
    const records: ArtifactRecord[] = [];
    const running = workflow.agents.filter((agent) => agent.state === 'running');
    // The last scan covers every folder, earlier ones only those of agents that could have written: otherwise the cost
    // of a large team would grow quadratically.
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
      // A file that is still being written is recorded when it is complete; the last scan takes it as it is.
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
    // The modification time may be older than the writing (copied or unpacked files), so a running agent may have
    // written it.
    return during.length > 0 ? during : ran.filter((agent) => agent.state === 'running');
  }
}

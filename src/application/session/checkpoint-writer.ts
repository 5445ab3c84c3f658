import { descriptorOf, type EventType, type RecordedEvent } from '../../domain/events.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { type Lease, LeaseLost } from '../ports/ownership.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import type { SessionTroubles } from './session-troubles.ts';

/** Number of checkpoints that a session keeps. */
const kept = 20;
/** Ends of agents within this time share one checkpoint; a short session has only one. */
const gatherMs = 100;
/**
 * The pause after writing, as a multiple of the time it took, so that checkpoints of large sessions do not dominate
 * their work.
 */
const restFactor = 20;

/** The parts of the project that writing checkpoints needs. */
export type CheckpointProject = Pick<Project, 'clock' | 'log' | 'settings' | 'watcher'> & {
  readonly store: Pick<SessionStore, 'maintenance'>;
  readonly files: Pick<SessionFiles, 'maintenance'>;
};

interface Hooks {
  /** Whether the session has another owner: then nothing may be written. */
  readonly isLeft: () => boolean;
  /** Writes what has been committed to session.log, and settles then. */
  readonly logged: () => Promise<unknown>;
  readonly troubles: SessionTroubles;
}

/**
 * Writes a session's checkpoints beside its decisions. Several occasions in a row become one checkpoint. An error is
 * reported, and does not stop the session.
 */
export class CheckpointWriter {
  readonly #project: CheckpointProject;
  readonly #lease: Lease;
  readonly #hooks: Hooks;
  #latest: { readonly workflow: Workflow; readonly seq: number } | null = null;
  #reason: EventType | null = null;
  #working: Promise<void> | null = null;
  #endPause: (() => void) | null = null;
  #closing = false;

  constructor(project: CheckpointProject, lease: Lease, hooks: Hooks) {
    this.#project = project;
    this.#lease = lease;
    this.#hooks = hooks;
  }

  /** Call after every commit. */
  note(workflow: Workflow, events: readonly RecordedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    this.#latest = { workflow, seq: last.seq };
    const occasion = events.findLast(({ type }) => descriptorOf(type)?.checkpoint);
    if (occasion === undefined) return;
    this.#reason = occasion.type;
    this.#working ??= this.#work();
  }

  /** Writes a pending checkpoint now. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#endPause?.();
    await this.#working;
  }

  async #work(): Promise<void> {
    let restMs = gatherMs;
    while (this.#reason !== null) {
      await this.#pause(restMs);
      const began = this.#project.clock.elapsedMs();
      await this.#write();
      const took = this.#project.clock.elapsedMs() - began;
      restMs = Math.max(gatherMs, took * restFactor);
    }
    this.#working = null;
  }

  async #write(): Promise<void> {
    const reason = this.#reason;
    const { store, files, clock, log, watcher } = this.#project;
    const { sessionId } = this.#lease;
    try {
      // Taken before the log is written: events stored meanwhile are not in the log, and a checkpoint needs all earlier
      // events there.
      const latest = this.#latest;
      this.#reason = null;
      await this.#hooks.logged();
      if (reason === null || latest === null || this.#hooks.isLeft()) return;
      const { workflow, seq } = latest;
      const hash = store.maintenance.hashAt(sessionId, seq);
      if (hash === null) return;
      const at = clock.now();
      const checkpoint = { version: 1, at, reason, lastEvent: { seq, hash }, workflow } as const;
      const { path, keepFrom } = await files.maintenance.writeCheckpoint(checkpoint, kept);
      if (this.#hooks.isLeft()) return;
      // Subscribers leave when the session ends, so later checkpoints are not announced. The session may end during
      // this wait.
      const isAnnounced = await whenFree(this.#project, () => {
        const announce = this.#latest?.workflow.session.state === 'running';
        const record = { seq, reason, path, at };
        store.maintenance.recordCheckpoint(this.#lease, record, { keepFrom, announce });
        return announce;
      });
      // The event was stored beside the loop, which may not write the log for a long time.
      if (isAnnounced) await this.#hooks.logged();
      this.#hooks.troubles.works('checkpoints');
      watcher.notify();
    } catch (error) {
      // The next occasion writes another checkpoint; the database has everything.
      this.#reason = null;
      if (error instanceof LeaseLost) return;
      this.#hooks.troubles.failed('checkpoints', error);
      log.log('warn', 'cannot write a checkpoint', { session: sessionId, error });
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#project.clock.after(ms, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = null;
        cancel();
        resolve();
      };
    });
  }
}

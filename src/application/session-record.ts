import { isMaosError } from '../domain/errors.ts';
import type { Change, Workflow } from '../domain/workflow.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { type ArtifactRecord, type Lease, LeaseLost } from './ports.ts';
import type { Project } from './project.ts';

/** Pause before a store that was busy or full is tried again. */
const storeRetryMs = 500;
const lastLogTries = 3;

/** A session this process owns, and the one way to change it: a change is stored first, and true from then on. */
export class SessionRecord {
  readonly #project: Project;
  readonly #lease: Lease;
  #workflow: Workflow;
  #left = false;
  #logged: Promise<boolean> = Promise.resolve(true);
  readonly #checkpoints: CheckpointKeeper;

  constructor(project: Project, lease: Lease, workflow: Workflow) {
    this.#project = project;
    this.#lease = lease;
    this.#workflow = workflow;
    this.#checkpoints = new CheckpointKeeper(project, lease, {
      isLeft: () => this.#left,
      logged: () => this.#logged,
    });
  }

  get lease(): Lease {
    return this.#lease;
  }

  get workflow(): Workflow {
    return this.#workflow;
  }

  /** It has, or soon gets, another owner: nothing of it may be touched any more. */
  get left(): boolean {
    return this.#left;
  }

  leave(): void {
    this.#left = true;
  }

  /** @throws LeaseLost */
  async commit(change: Change, artifacts: readonly ArtifactRecord[] = []): Promise<void> {
    const recorded = await this.patiently(() =>
      this.#project.store.commit(this.#lease, this.#workflow, change, artifacts),
    );
    this.#workflow = change.next;
    this.#project.watcher.notify();
    if (recorded.length > 0) this.#logged = this.#logged.then(() => this.#keepLog());
    this.#checkpoints.note(change.next, recorded);
  }

  /**
   * Uses the store. One that is busy or full is tried again for as long as it takes: the agents go on, and nothing that
   * happened is dropped.
   * @throws LeaseLost, and whatever else the work throws
   */
  async patiently<T>(work: () => T): Promise<T> {
    for (;;) {
      if (this.#left) throw new LeaseLost(this.#lease.sessionId);
      try {
        return work();
      } catch (error) {
        if (!isMaosError(error, 'STORE_BUSY') && !isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED')) throw error;
        this.#say('store not usable, trying again', error);
        await this.pause();
      }
    }
  }

  /** As long as the store is left alone after it was busy. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.#project.clock.after(storeRetryMs, resolve));
  }

  /** Brings the files beside the table after it, for the last time. */
  async close(): Promise<void> {
    await this.#checkpoints.close();
    // A checkpoint leaves an event behind, too.
    this.#logged = this.#logged.then(() => this.#keepLog());
    for (let tries = 1; !(await this.#logged) && tries < lastLogTries && !this.#left; tries++) {
      await this.pause();
      this.#logged = this.#keepLog();
    }
    if (this.#left) return;
    await this.#project.files
      .writeMetadata(this.#workflow)
      .catch((error: unknown) => this.#say('metadata.json not written', error));
  }

  /** Brings session.log after the table, off the path of decisions. Its own trouble never stops a session. */
  async #keepLog(): Promise<boolean> {
    const { files, store } = this.#project;
    const id = this.#lease.sessionId;
    try {
      while (!this.#left) {
        const missing = store.events(id, await files.lastLogged(id), 1_000);
        if (missing.length === 0) break;
        await files.appendLog(id, missing);
      }
      return true;
    } catch (error) {
      this.#say('session.log is behind', error);
      return false;
    }
  }

  #say(message: string, error: unknown): void {
    this.#project.log.log('error', message, { session: this.#lease.sessionId, error });
  }
}

import { isMaosError } from '../../domain/errors.ts';
import type { Lease } from '../ports/ownership.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';

/** The parts of the project that a heartbeat needs. */
export type HeartbeatProject = Pick<Project, 'clock' | 'instance' | 'log'> & {
  readonly store: Pick<SessionStore, 'heartbeat'>;
  readonly instances: Pick<Project['instances'], 'beat'>;
};

/** Delay of the next heartbeat after one that found the store locked. */
const busyBeatMs = 100;

/** Records periodically that this process lives and still owns its sessions. */
export class Heartbeat {
  readonly #project: HeartbeatProject;
  readonly #everyMs: number;
  readonly #onWritten: (held: readonly Lease[]) => void;
  #cancel: (() => void) | null = null;
  /** Whether the store was locked at the last heartbeat, to log that only once. */
  #wasBusy = false;
  #beatenAt = Number.NEGATIVE_INFINITY;

  /** @param onWritten called after each heartbeat with the leases that this process holds */
  constructor(project: HeartbeatProject, everyMs: number, onWritten: (held: readonly Lease[]) => void) {
    this.#project = project;
    this.#everyMs = everyMs;
    this.#onWritten = onWritten;
  }

  /** Safe to repeat. */
  start(): void {
    if (this.#cancel === null) this.#beat();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #beat(): void {
    const { store, instance, clock, log } = this.#project;
    let nextMs = this.#everyMs;
    this.#beatAsInstance();
    try {
      this.#onWritten(store.heartbeat(instance, clock.now()));
      this.#wasBusy = false;
    } catch (error) {
      const isBusy = isMaosError(error, 'STORE_BUSY');
      if (!isBusy || !this.#wasBusy) log.log('error', 'cannot write the heartbeat of a session', { error });
      this.#wasBusy = isBusy;
      // The next process that gets the lock must not find this owner silent.
      if (isBusy) nextMs = Math.min(nextMs, busyBeatMs);
    }
    this.#cancel = clock.after(nextMs, () => this.#beat());
  }

  /** Written outside the project's store: others must see that this process is alive even while the store is locked. */
  #beatAsInstance(): void {
    const { instances, clock, log } = this.#project;
    const now = clock.elapsedMs();
    // With a locked store this is called much more often.
    if (now - this.#beatenAt < this.#everyMs / 2) return;
    this.#beatenAt = now;
    try {
      instances.beat(clock.now());
    } catch (error) {
      log.log('warn', 'cannot write the heartbeat of this process', { error });
    }
  }
}

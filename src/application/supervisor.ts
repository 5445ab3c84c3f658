import type { SessionId } from '../domain/ids.ts';
import { isSessionEnded } from '../domain/session.ts';
import type { Workflow } from '../domain/workflow.ts';
import { type Lease, LeaseLost } from './ports.ts';
import type { Project } from './project.ts';
import { SessionRunner } from './session-runner.ts';

const heartbeatMs = 2_000;
/** An owner that has not been heard of for this long has lost its sessions. */
const leaseTtlMs = 15_000;
/** How often a session is taken up again after its runner failed, and the pause before. */
const maxRestarts = 3;
const restartMs = 1_000;

/** The sessions of one project that this process owns: runs them, keeps their leases, hears what others ask. */
export class Supervisor {
  readonly #project: Project;
  readonly #runners = new Map<SessionId, { runner: SessionRunner; readonly done: Promise<void> }>();
  #unsubscribe: (() => void) | null = null;
  #stopHeartbeat: (() => void) | null = null;
  #lettingGo = false;

  constructor(project: Project) {
    this.#project = project;
  }

  /** Starts to run a session whose lease this process holds. */
  take(lease: Lease, workflow: Workflow): void {
    const runner = new SessionRunner(this.#project, lease, workflow);
    const done = this.#run(runner, lease);
    this.#runners.set(lease.sessionId, { runner, done });
    this.#listen();
    this.#hearRequests();
  }

  /**
   * Becomes the owner of a session nobody owns any more and runs it.
   * @param deadOwner its present owner, when that is known to be gone
   * @returns false when it has an owner
   */
  async takeOver(id: SessionId, deadOwner: Lease['owner'] | null = null): Promise<boolean> {
    const { store, clock, instance, instances } = this.#project;
    await instances.announce();
    const staleBefore = new Date(Date.parse(clock.now()) - leaseTtlMs).toISOString();
    const when = deadOwner === null ? { staleBefore } : { staleBefore, knownDead: deadOwner };
    const lease = store.acquire(id, instance, when);
    if (lease === null) return false;
    const workflow = store.load(id);
    if (isSessionEnded(workflow.session.state)) {
      store.release(lease);
      return true;
    }
    this.take(lease, workflow);
    return true;
  }

  /** Settles when every session taken so far has ended, paused or changed hands. */
  async idle(): Promise<void> {
    while (this.#runners.size > 0) await Promise.all([...this.#runners.values()].map(({ done }) => done));
  }

  get owned(): readonly SessionId[] {
    return [...this.#runners.keys()];
  }

  /** Leaves every session as it is, agents running, for another process to take over. */
  async letGo(): Promise<readonly SessionId[]> {
    const ids = this.owned;
    this.#lettingGo = true;
    for (const { runner } of this.#runners.values()) runner.standDown();
    await this.idle();
    this.#lettingGo = false;
    return ids;
  }

  /** Stops the session's agents so that they can be resumed, and leaves it paused. */
  interrupt(id: SessionId, reason: string): void {
    this.#runners.get(id)?.runner.interrupt(reason);
  }

  async #run(first: SessionRunner, lease: Lease): Promise<void> {
    const { log, store, watcher } = this.#project;
    for (let runner: SessionRunner | null = first, runs = 1; runner !== null; runs++) {
      try {
        const outcome = await runner.run();
        log.log('info', 'session left', { session: lease.sessionId, outcome });
        break;
      } catch (error) {
        log.log('error', 'session runner failed', { session: lease.sessionId, runs, error });
        runner = runs > maxRestarts || this.#lettingGo ? null : await this.#replace(lease);
      }
    }
    try {
      store.release(lease);
    } catch (error) {
      if (!(error instanceof LeaseLost)) {
        log.log('error', 'lease not released; it will run out', { session: lease.sessionId, error });
      }
    }
    this.#runners.delete(lease.sessionId);
    if (this.#runners.size === 0) this.#rest();
    watcher.notify();
  }

  /** A runner that begins anew from what is stored, as after a crash. */
  async #replace(lease: Lease): Promise<SessionRunner | null> {
    const { clock, log, store } = this.#project;
    await new Promise<void>((resolve) => clock.after(restartMs, resolve));
    const entry = this.#runners.get(lease.sessionId);
    if (this.#lettingGo || entry === undefined) return null;
    try {
      entry.runner = new SessionRunner(this.#project, lease, store.load(lease.sessionId));
      this.#hearRequests();
      return entry.runner;
    } catch (error) {
      log.log('error', 'session could not be taken up again', { session: lease.sessionId, error });
      return null;
    }
  }

  #listen(): void {
    this.#unsubscribe ??= this.#project.watcher.subscribe(() => this.#hearRequests());
    if (this.#stopHeartbeat === null) this.#beat();
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = null;
  }

  #hearRequests(): void {
    const { store, instance, log } = this.#project;
    try {
      for (const { sessionId, desired, reason } of store.requestsFor(instance)) {
        if (desired === 'cancelled') this.#runners.get(sessionId)?.runner.cancel(reason);
      }
    } catch (error) {
      log.log('error', 'requests not read; asked again at the next change', { error });
    }
  }

  #beat(): void {
    const { store, instance, instances, clock, log } = this.#project;
    try {
      store.heartbeat(instance, clock.now());
      instances.beat(clock.now());
    } catch (error) {
      log.log('error', 'heartbeat not written', { error });
    }
    this.#stopHeartbeat = clock.after(heartbeatMs, () => this.#beat());
  }
}

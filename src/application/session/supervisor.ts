import { isMaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { type AutoLandingProject, landCompleted } from '../landing/auto-landing.ts';
import type { Lease } from '../ports/ownership.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { Heartbeat, type HeartbeatProject } from './heartbeat.ts';
import { type RunnerProject, SessionRunner } from './session-runner.ts';
import { leaveStalled, type StalledProject } from './stalling.ts';

/** The parts of the project that running its sessions needs. */
export type SupervisorProject = RunnerProject &
  StalledProject &
  HeartbeatProject &
  Omit<AutoLandingProject, 'store'> &
  Pick<Project, 'instances' | 'notifications'> & {
    readonly store: Pick<
      SessionStore,
      'ownerOf' | 'acquire' | 'release' | 'load' | 'unfinished' | 'requestsFor' | 'create' | 'landingsOf'
    >;
  };

/** How owners show that they live, and when others react. All in milliseconds. */
export interface OwnershipTiming {
  readonly heartbeatMs: number;
  /** Another process may take over the sessions of an owner without a heartbeat for this long. */
  readonly leaseTtlMs: number;
  /** How often a process looks for sessions without an owner. */
  readonly lookMs: number;
}

export const ownershipTiming: OwnershipTiming = { heartbeatMs: 2_000, leaseTtlMs: 15_000, lookMs: 2_000 };

/** How often a session gets a new runner after one failed, and the pause before. */
const maxRestarts = 3;
const restartMs = 1_000;

/** How long the end of a session may wait for other machines. */
const forgetMs = 5_000;

/**
 * The sessions of one project that this process owns: runs them, renews their leases, and passes on requests of others.
 */
export class Supervisor {
  readonly timing: OwnershipTiming;
  readonly #project: SupervisorProject;
  readonly #heartbeat: Heartbeat;
  readonly #runners = new Map<SessionId, Running>();
  /** Quarantined sessions, with the reasons. */
  readonly #quarantined = new Map<SessionId, string>();
  /** Leases of sessions that no longer run here, which the store could not take back yet. */
  readonly #unreleased = new Set<Lease>();
  #unsubscribe: (() => void) | null = null;
  #isReleasingAll = false;

  constructor(project: SupervisorProject, timing: OwnershipTiming = ownershipTiming) {
    this.#project = project;
    this.timing = timing;
    this.#heartbeat = new Heartbeat(project, timing.heartbeatMs, (held) => this.#afterHeartbeat(held));
  }

  /** Starts to run a session whose lease this process holds. */
  take(lease: Lease, workflow: Workflow): void {
    this.#quarantined.delete(lease.sessionId);
    const runner = new SessionRunner(this.#project, lease, workflow);
    const done = this.#run(runner, lease);
    this.#runners.set(lease.sessionId, { runner, lease, done });
    this.#listen();
    this.#readRequests();
  }

  /**
   * Becomes the owner of a session without a living owner and runs it, or stops it if its owner announced its exit and
   * the session's exit policy says so.
   * @param deadOwner its current owner, if known to have ended
   * @returns false when it has an owner
   */
  async takeOver(id: SessionId, deadOwner: Lease['owner'] | null = null): Promise<boolean> {
    const { store, clock, instance, instances, log } = this.#project;
    if (this.#runners.has(id)) return true;
    await instances.announce();
    const staleBefore = new Date(Date.parse(clock.now()) - this.timing.leaseTtlMs).toISOString();
    const when = deadOwner === null ? { staleBefore } : { staleBefore, knownDead: deadOwner };
    const before = store.ownerOf(id);
    const lease = await whenFree(this.#project, () => store.acquire(id, instance, when));
    if (lease === null) return false;
    const workflow = await this.#loadTaken(lease);
    if (workflow === null) return false;
    // An ended session that had an owner is run as well: the owner may have died before it finished the files.
    if (isSessionEnded(workflow.session.state) && before === null) {
      await whenFree(this.#project, () => store.release(lease));
      return true;
    }
    this.take(lease, workflow);
    log.log('info', 'session adopted', { session: id, from: deadOwner, epoch: lease.epoch });
    const isStopping = store.unfinished().some(({ sessionId, mustStop }) => mustStop && sessionId === id);
    if (isStopping) this.interrupt(id, 'The maos process that ran it has exited.');
    return true;
  }

  /** Null if the session cannot be read: then the lease is released and the session quarantined. */
  async #loadTaken(lease: Lease): Promise<Workflow | null> {
    const { sessionId } = lease;
    try {
      return await whenFree(this.#project, () => this.#project.store.load(sessionId));
    } catch (error) {
      await this.#release(lease);
      if (isMaosError(error, 'STORE_BUSY')) throw error;
      this.#project.log.log('error', 'cannot read the session; leaving it to other instances', {
        session: sessionId,
        error,
      });
      this.#quarantined.set(sessionId, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  /**
   * Its runner failed repeatedly, and not even that could be recorded. Another process may succeed; this one tries
   * again only on request.
   */
  isQuarantined(id: SessionId): boolean {
    return this.#quarantined.has(id);
  }

  /** Why a session is quarantined; null for any other. */
  quarantineReason(id: SessionId): string | null {
    return this.#quarantined.get(id) ?? null;
  }

  /** Settles when this process no longer runs the session: it has ended, paused or changed hands. */
  async released(id: SessionId): Promise<void> {
    await this.#runners.get(id)?.done;
  }

  /** Settles when every session taken so far has ended, paused or changed hands. */
  async idle(): Promise<void> {
    while (this.#runners.size > 0) await Promise.all([...this.#runners.values()].map(({ done }) => done));
  }

  get owned(): readonly SessionId[] {
    return [...this.#runners.keys()];
  }

  /** Leaves every session as it is, with agents running, for another process to take over. */
  async releaseAll(): Promise<readonly SessionId[]> {
    const ids = this.owned;
    this.#isReleasingAll = true;
    for (const { runner } of this.#runners.values()) runner.detach();
    await this.idle();
    this.#isReleasingAll = false;
    return ids;
  }

  /** Stops the session's agents so that they can be resumed, and leaves it paused. */
  interrupt(id: SessionId, reason: string): void {
    this.#runners.get(id)?.runner.interrupt(reason);
  }

  async #run(first: SessionRunner, lease: Lease): Promise<void> {
    const { log, watcher } = this.#project;
    for (let runner: SessionRunner | null = first, runs = 1; runner !== null; runs++) {
      try {
        const outcome = await runner.run();
        if (outcome === 'settled') await Promise.all([this.#land(lease), this.#forget(lease)]);
        log.log('info', 'session released', { session: lease.sessionId, outcome });
        break;
      } catch (error) {
        log.log('error', 'session runner failed', { session: lease.sessionId, runs, error });
        runner = runs > maxRestarts || this.#isReleasingAll ? null : await this.#replace(lease);
        if (runner === null && !this.#isReleasingAll) await this.#quarantine(lease, error);
      }
    }
    await this.#release(lease);
    this.#runners.delete(lease.sessionId);
    if (this.#runners.size === 0) this.#rest();
    watcher.notify();
  }

  /**
   * While this process still owns the completed session: if it is killed, the next owner runs the session again, which
   * has ended, and comes here.
   */
  async #land(ended: Lease): Promise<void> {
    const landing = await landCompleted(this.#project, ended);
    if (landing === null) return;
    this.#project.log.log('info', 'session lands', {
      session: ended.sessionId,
      landing: landing.lease.sessionId,
    });
    if (this.#isReleasingAll) await this.#release(landing.lease);
    else this.take(landing.lease, landing.workflow);
  }

  /** As {@link #land}, it is repeated if this process is killed. What another machine does not remove in time, it removes by age. */
  async #forget({ sessionId }: Lease): Promise<void> {
    const { clock, host, log, store } = this.#project;
    try {
      const { session, agents } = await whenFree(this.#project, () => store.load(sessionId));
      const wasAway = agents.some(({ pool, attempt }) => pool !== null && attempt > 0);
      if (!wasAway || !isSessionEnded(session.state)) return;
      const late = new Promise<void>((resolve) => clock.after(forgetMs, resolve));
      await Promise.race([host.forget?.(sessionId), late]);
    } catch (error) {
      log.log('warn', 'what agents on other machines have left is not removed yet', {
        session: sessionId,
        error,
      });
    }
  }

  async #quarantine(lease: Lease, error: unknown): Promise<void> {
    try {
      await leaveStalled(this.#project, lease, error);
    } catch (failure) {
      this.#quarantined.set(lease.sessionId, failure instanceof Error ? failure.message : String(failure));
      const fields = { session: lease.sessionId, error: failure };
      this.#project.log.log('error', 'the session cannot run, and this cannot be recorded', fields);
    }
  }

  async #release(lease: Lease): Promise<void> {
    try {
      await whenFree(this.#project, () => this.#project.store.release(lease));
      this.#unreleased.delete(lease);
    } catch (error) {
      this.#unreleased.add(lease);
      const { sessionId } = lease;
      this.#project.log.log('error', 'cannot release the lease, retrying', { session: sessionId, error });
    }
  }

  /** A new runner that starts from the stored state, as after a crash. */
  async #replace(lease: Lease): Promise<SessionRunner | null> {
    const { clock, log, store } = this.#project;
    await new Promise<void>((resolve) => clock.after(restartMs, resolve));
    const entry = this.#runners.get(lease.sessionId);
    if (this.#isReleasingAll || entry === undefined) return null;
    try {
      entry.runner = new SessionRunner(this.#project, lease, store.load(lease.sessionId));
      this.#readRequests();
      return entry.runner;
    } catch (error) {
      log.log('error', 'cannot adopt the session again', { session: lease.sessionId, error });
      return null;
    }
  }

  #listen(): void {
    this.#unsubscribe ??= this.#project.watcher.subscribe(() => this.#readRequests());
    this.#heartbeat.start();
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#heartbeat.stop();
  }

  #readRequests(): void {
    const { store, instance, log, notifications } = this.#project;
    notifications.wake();
    try {
      const requests = store.requestsFor(instance);
      for (const [id, { runner }] of this.#runners) {
        runner.apply(requests.filter(({ sessionId }) => sessionId === id));
      }
    } catch (error) {
      log.log('error', 'cannot read requests; retrying at the next change', { error });
    }
  }

  #afterHeartbeat(held: readonly Lease[]): void {
    this.#relinquishLost(held);
    for (const lease of this.#unreleased) void this.#release(lease);
  }

  /**
   * A process that was suspended for longer than its lease (a sleeping laptop, SIGSTOP) finds new owners when it
   * continues.
   */
  #relinquishLost(held: readonly Lease[]): void {
    const epochs = new Map(held.map(({ sessionId, epoch }) => [sessionId, epoch]));
    for (const { runner, lease } of this.#runners.values()) {
      if (epochs.get(lease.sessionId) === lease.epoch) continue;
      this.#project.log.log('warn', 'the session has another owner now', { session: lease.sessionId });
      runner.relinquish();
    }
  }
}

interface Running {
  runner: SessionRunner;
  readonly lease: Lease;
  readonly done: Promise<void>;
}

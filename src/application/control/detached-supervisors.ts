import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Project } from '../project.ts';
import type { SupervisedProject } from '../runtime.ts';
import { ownershipTiming } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { findDue, findOrphans, isBeingDetached, type Orphan, type OrphanWatch } from './orphans.ts';

/** How long a detached process waits for its predecessor to end; by then the predecessor's lease has expired. */
const takeOverPatienceMs = ownershipTiming.leaseTtlMs + 5_000;
const takeOverPollMs = 20;
/** How long a process usually takes to take over from the one that started it. */
const takeOverMs = 400;

/** A project whose sessions this process supervises. */
export interface WatchedProject extends SupervisedProject {
  readonly watch: OrphanWatch;
}

export interface DetachedSupervisorsDeps {
  readonly instance: InstanceId;
  /** Starts a process that takes over the project's sessions: immediately, or when the process of `from` has ended. */
  readonly startDetachedSupervisor: (project: Project, from: InstanceId | null) => void;
  /** Unlike the clock's timers, this keeps the process alive. */
  readonly pause: (ms: number) => Promise<void>;
  readonly log: Log;
}

/** Starts background processes for sessions whose process is ending or has ended. */
export class DetachedSupervisors {
  readonly #deps: DetachedSupervisorsDeps;
  /** Paths of the projects whose sessions have been detached. */
  readonly #detached = new Set<string>();
  readonly #adoptedAt = new Map<string, number>();

  constructor(deps: DetachedSupervisorsDeps) {
    this.#deps = deps;
  }

  /**
   * Detaches all sessions of this process, which may have only 30 ms left.
   * @param owning the projects with sessions that it owns
   */
  detach(owning: readonly WatchedProject[]): void {
    const { instance, startDetachedSupervisor, log } = this.#deps;
    for (const { project } of owning) {
      if (this.#detached.has(project.path)) continue;
      this.#detached.add(project.path);
      startDetachedSupervisor(project, instance);
    }
    for (const { project } of owning) {
      try {
        project.store.announceExit(instance);
      } catch (error) {
        log.log('warn', 'exit not announced; the process started for the sessions does it', { error });
      }
    }
  }

  /** Whether this process has started another one that takes over everything it leaves in the project. */
  isDetached({ path }: Pick<Project, 'path'>): boolean {
    return this.#detached.has(path);
  }

  /** Detaches the sessions so that they run to completion, regardless of their exit policies. */
  async detachRunning(owning: readonly WatchedProject[]): Promise<void> {
    // Without announcing an exit, so that the next owner continues the sessions.
    for (const { project, supervisor } of owning) {
      await supervisor.releaseAll();
      this.#deps.startDetachedSupervisor(project, null);
    }
  }

  /**
   * Starts a process if the project has sessions without an owner, or notifications that no process sends.
   * @returns those sessions whose process has died, or that were waiting; empty when there are none, or when a process was
   *   started recently
   */
  async adoptOrphans(project: Project): Promise<readonly SessionId[]> {
    const unowned = await this.#unowned(project);
    const due = findDue(project);
    const isNeeded = unowned.length + due.length > 0 || (await project.notifications.isAbandoned());
    const last = this.#adoptedAt.get(project.path) ?? Number.NEGATIVE_INFINITY;
    const now = project.clock.elapsedMs();
    if (!isNeeded || now - last < ownershipTiming.leaseTtlMs) return [];
    this.#adoptedAt.set(project.path, now);
    this.#deps.startDetachedSupervisor(project, null);
    // The owners of the others have detached them as they exited, and a busy machine takes its time.
    const died = unowned.filter(({ owner, ownerIsExiting }) => owner !== null && !ownerIsExiting);
    return [...died.map(({ sessionId }) => sessionId), ...due];
  }

  /**
   * Takes over the project's sessions without an owner. Settles when they have all settled.
   * @param from an instance whose exit to wait for; null: none
   */
  async takeOver({ project, supervisor, watch }: WatchedProject, from: InstanceId | null): Promise<void> {
    if (from !== null) {
      await this.#untilGone(project, from);
      // The instance may have had no time to record this itself.
      await whenFree(project, () => project.store.announceExit(from));
    }
    const { notifications } = project;
    while ((await watch.look()).length > 0 || (await notifications.isBusy())) {
      // Meanwhile other sessions may lose their owner.
      watch.start();
      await supervisor.idle();
      await notifications.idle();
      watch.stop();
    }
  }

  /** Sessions that still have no owner after a short wait, because a detached process needs time to take over. */
  async #unowned(project: Project): Promise<readonly Orphan[]> {
    const look = async (): Promise<readonly Orphan[]> => {
      const orphans = await findOrphans(project, ownershipTiming);
      const now = project.clock.now();
      return orphans.filter((orphan) => !isBeingDetached(orphan, now));
    };
    if ((await look()).length === 0) return [];
    await this.#deps.pause(takeOverMs);
    return look();
  }

  async #untilGone(project: Project, id: InstanceId): Promise<void> {
    const { pause, log } = this.#deps;
    for (let waited = 0; await project.instances.isAlive(id); waited += takeOverPollMs) {
      if (waited >= takeOverPatienceMs) {
        const from = { from: id };
        log.log(
          'warn',
          'the previous instance still runs; its sessions are taken when its lease runs out',
          from,
        );
        return;
      }
      await pause(takeOverPollMs);
    }
  }
}

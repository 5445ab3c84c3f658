import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Project } from '../project.ts';
import type { SupervisedProject } from '../runtime.ts';
import { ownershipTiming } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { findDue, findOrphans, type Orphan, type OrphanWatch } from './orphans.ts';

/** How long a detached process waits for the one before it to be gone: until then its lease has run out. */
const takeOverPatienceMs = ownershipTiming.leaseTtlMs + 5_000;
const takeOverPollMs = 20;
/** From the end of a process to the take-over by the one it started, in all likelihood. */
const takeOverMs = 400;

/** A project whose sessions this process supervises. */
export interface WatchedProject extends SupervisedProject {
  readonly watch: OrphanWatch;
}

export interface DetachedSupervisorsDeps {
  readonly instance: InstanceId;
  /** Starts a process that takes over the project's sessions, as soon as `from` is gone if one is named. */
  readonly startDetachedSupervisor: (project: Project, from: InstanceId | null) => void;
  /** Unlike the clock's timers, it keeps the process alive. */
  readonly pause: (ms: number) => Promise<void>;
  readonly log: Log;
}

/** Starts processes of MAOS for the sessions of a process that ends or has ended. */
export class DetachedSupervisors {
  readonly #deps: DetachedSupervisorsDeps;
  /** Paths of the projects whose sessions are detached already. */
  readonly #detached = new Set<string>();
  readonly #adoptedAt = new Map<string, number>();

  constructor(deps: DetachedSupervisorsDeps) {
    this.#deps = deps;
  }

  /**
   * Detaches all sessions of this process: it may have 30 ms left.
   * @param owning the projects that it owns sessions of
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

  /** Detaches the sessions to run to their end, regardless of their exit policies. */
  async detachRunning(owning: readonly WatchedProject[]): Promise<void> {
    // No exit is announced, so the sessions continue under their next owner.
    for (const { project, supervisor } of owning) {
      await supervisor.releaseAll();
      this.#deps.startDetachedSupervisor(project, null);
    }
  }

  /**
   * Starts a process for the sessions of a project that have no owner, if there are any.
   * @returns those sessions; empty when there are none, or when one was started for them a moment ago
   */
  async adoptOrphans(project: Project): Promise<readonly SessionId[]> {
    const ids = [...(await this.#unowned(project)), ...findDue(project)];
    const last = this.#adoptedAt.get(project.path) ?? Number.NEGATIVE_INFINITY;
    const now = project.clock.elapsedMs();
    if (ids.length === 0 || now - last < ownershipTiming.leaseTtlMs) return [];
    this.#adoptedAt.set(project.path, now);
    this.#deps.startDetachedSupervisor(project, null);
    return ids;
  }

  /**
   * Takes over the sessions of a project that have no owner. Settles when they have all settled.
   * @param from an instance that is about to exit: its end is waited for. Null: nobody is
   */
  async takeOver({ project, supervisor, watch }: WatchedProject, from: InstanceId | null): Promise<void> {
    if (from !== null) {
      await this.#untilGone(project, from);
      // The instance may have had no time to record this itself.
      await whenFree(project, () => project.store.announceExit(from));
    }
    while ((await watch.look()).length > 0) {
      // While its own are under way, others may lose their owner.
      watch.start();
      await supervisor.idle();
      watch.stop();
    }
  }

  /** Sessions that still have no owner after a moment: a detached process takes a moment to take over. */
  async #unowned(project: Project): Promise<readonly SessionId[]> {
    const look = async (): Promise<readonly Orphan[]> => {
      const now = Date.parse(project.clock.now());
      const recently = new Date(now - 2 * ownershipTiming.heartbeatMs).toISOString();
      const isFresh = ({ heartbeatAt }: Orphan): boolean => heartbeatAt !== null && heartbeatAt > recently;
      const orphans = await findOrphans(project, ownershipTiming);
      return orphans.filter((orphan) => !(orphan.exiting && isFresh(orphan)));
    };
    if ((await look()).length === 0) return [];
    await this.#deps.pause(takeOverMs);
    return (await look()).map(({ sessionId }) => sessionId);
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

import type { SessionId } from '../../domain/ids.ts';
import type { UnfinishedSession } from '../ports/ownership.ts';
import type { Project } from '../project.ts';
import { type OwnershipTiming, ownershipTiming, type Supervisor } from '../session/supervisor.ts';
import { requestResume } from './control.ts';

/** A session that should run but has no living owner. */
export interface Orphan extends UnfinishedSession {
  /** False: its owner may be alive, but has sent no heartbeat for too long. */
  readonly ownerIsGone: boolean;
}

type Facts = Pick<Project, 'store' | 'clock' | 'instance' | 'instances'>;

/**
 * Sessions of other processes that should run but do not: they have no owner, their owner's process has ended, or its
 * last heartbeat is older than a lease. Cheap when there are none: one indexed query.
 */
export async function findOrphans(
  { store, clock, instance, instances }: Facts,
  { leaseTtlMs }: Pick<OwnershipTiming, 'leaseTtlMs'>,
): Promise<readonly Orphan[]> {
  const found = store.unfinished().filter(({ owner }) => owner !== instance);
  if (found.length === 0) return [];
  const owners = new Set(found.flatMap(({ owner }) => owner ?? []));
  const gone = new Set<string>();
  for (const owner of owners) if (!(await instances.isAlive(owner))) gone.add(owner);
  const staleBefore = new Date(Date.parse(clock.now()) - leaseTtlMs).toISOString();
  return found.flatMap((session) => {
    const ownerIsGone = session.owner !== null && gone.has(session.owner);
    const isFree = session.owner === null || ownerIsGone;
    const isStale = session.heartbeatAt === null || session.heartbeatAt < staleBefore;
    return isFree || isStale ? [{ ...session, ownerIsGone }] : [];
  });
}

/** Whether its owner announced its exit a moment ago: the process that it started for the session is about to adopt it. */
export function isBeingDetached({ ownerIsExiting, heartbeatAt }: UnfinishedSession, now: string): boolean {
  const recently = new Date(Date.parse(now) - 2 * ownershipTiming.heartbeatMs).toISOString();
  return ownerIsExiting && heartbeatAt !== null && heartbeatAt > recently;
}

/** Paused sessions whose wait for a provider is over, if the settings allow automatic resume. */
export function findDue({ store, clock, settings }: Project): readonly SessionId[] {
  return settings.quota.autoResume ? store.dueForResume(clock.now()) : [];
}

/** Keeps a project's sessions running: takes over sessions without an owner, and resumes those whose wait is over. */
export class OrphanWatch {
  readonly #project: Project;
  readonly #supervisor: Supervisor;
  #stopTimer: (() => void) | null = null;
  #stopped = true;

  constructor(project: Project, supervisor: Supervisor) {
    this.#project = project;
    this.#supervisor = supervisor;
  }

  /** Looks now, and then at the interval of the supervisor's timing. Safe to repeat. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    void this.#round();
  }

  /** Sessions that this process owns stay owned. */
  stop(): void {
    this.#stopped = true;
    this.#stopTimer?.();
  }

  /** Looks once. @returns the sessions that this process has taken over */
  async look(): Promise<readonly SessionId[]> {
    this.#project.notifications.wake();
    const taken: SessionId[] = [];
    for (const { sessionId, owner, ownerIsGone } of await this.#confirmed()) {
      if (this.#supervisor.isQuarantined(sessionId)) continue;
      if (await this.#supervisor.takeOver(sessionId, ownerIsGone ? owner : null)) taken.push(sessionId);
    }
    for (const id of findDue(this.#project)) {
      await requestResume(this.#project, this.#supervisor, id, 'maos', 'The wait for the provider is over.');
      if (this.#supervisor.owned.includes(id)) taken.push(id);
    }
    return taken;
  }

  /**
   * After the machine slept or its clock jumped, every heartbeat looks old until the owner's next one. So a living
   * owner gets the time of some heartbeats, by this process's clock, before its lease counts as lost.
   */
  async #confirmed(): Promise<readonly Orphan[]> {
    const { timing } = this.#supervisor;
    const found = await findOrphans(this.#project, timing);
    const silent = found.filter(({ owner, ownerIsGone }) => owner !== null && !ownerIsGone);
    if (silent.length === 0) return found;
    await new Promise<void>((resolve) => this.#project.clock.after(timing.heartbeatMs * 2.5, resolve));
    const heartbeats = new Map(silent.map(({ sessionId, heartbeatAt }) => [sessionId, heartbeatAt]));
    return (await findOrphans(this.#project, timing)).filter(
      ({ sessionId, owner, ownerIsGone, heartbeatAt }) =>
        owner === null || ownerIsGone || heartbeats.get(sessionId) === heartbeatAt,
    );
  }

  async #round(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      this.#project.log.log('error', 'cannot adopt sessions without an owner, retrying', { error });
    }
    if (this.#stopped) return;
    this.#stopTimer = this.#project.clock.after(this.#supervisor.timing.lookMs, () => void this.#round());
  }
}

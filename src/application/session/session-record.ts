import type { Agent } from '../../domain/agent.ts';
import { isMaosError } from '../../domain/errors.ts';
import type { DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { type ProgressNote, recordProgress } from '../../domain/running-agents.ts';
import { type AgentReport, settleAgent } from '../../domain/settle-agent.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import { type Lease, LeaseLost, RetryAsked } from '../ports/ownership.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { ArtifactRecord } from '../ports/session-summary.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { ChangeRefused, insteadOf, isRefusal, refusedReport } from './refused-change.ts';
import { type DocumentsProject, SessionDocuments } from './session-documents.ts';
import type { SessionTroubles } from './session-troubles.ts';
import { tellTeams } from './teams.ts';

/** The parts of the project that a session's record needs. */
export type RecordProject = DocumentsProject &
  Pick<Project, 'teams'> & { readonly store: Pick<SessionStore, 'holds' | 'commit'> };

/** Pause before a busy or full store is tried again. */
const storeRetryMs = 500;

/** A decision that is not stored yet. */
interface Unstored {
  readonly events: readonly DomainEvent[];
  readonly artifacts: readonly ArtifactRecord[];
  /**
   * Ways to decide it from the stored state alone, if the store refuses it together with others; the first that the
   * store accepts applies. Empty if it must be decided again.
   */
  readonly alone: readonly ((workflow: Workflow, refusal: unknown) => Change)[];
  /**
   * If the store accepts none: the running agent whose progress is dropped, and which is at fault. An end is never
   * dropped.
   */
  readonly about: AgentId | 'end' | null;
  /** Losing it in a crash is harmless: it may wait to be stored with later changes. */
  readonly canWait: boolean;
}

/**
 * A session that this process owns, and the only way to change it. Decisions are stored before anything outside may
 * rely on them. Those without an effect outside are stored together with their events in one transaction.
 */
export class SessionRecord {
  readonly #project: RecordProject;
  readonly #lease: Lease;
  #stored: Workflow;
  #workflow: Workflow;
  #unstored: readonly Unstored[] = [];
  #left = false;
  readonly #documents: SessionDocuments;
  readonly #troubles: SessionTroubles;

  constructor(project: RecordProject, lease: Lease, workflow: Workflow, troubles: SessionTroubles) {
    this.#troubles = troubles;
    this.#project = project;
    this.#lease = lease;
    this.#stored = workflow;
    this.#workflow = workflow;
    this.#documents = new SessionDocuments(project, lease, {
      stored: () => this.#stored,
      isLeft: () => this.#left,
      pause: () => this.pause(),
      troubles,
    });
  }

  get lease(): Lease {
    return this.#lease;
  }

  /** The session as decided; the latest decisions may not be stored yet. */
  get workflow(): Workflow {
    return this.#workflow;
  }

  get running(): readonly Agent[] {
    return this.#workflow.agents.filter((agent) => agent.state === 'running');
  }

  /** Whether there is a change that must be stored without delay. */
  get isChanged(): boolean {
    return this.#unstored.some(({ canWait }) => !canWait);
  }

  /** Whether there are changes that are not stored yet. */
  get hasUnstored(): boolean {
    return this.#unstored.length > 0;
  }

  /** Whether the session has, or soon gets, another owner: this process must not change it any more. */
  get left(): boolean {
    return this.#left;
  }

  leave(): void {
    this.#left = true;
  }

  /**
   * Whether the store still names this process as the owner. A process that was suspended for longer than its lease
   * (SIGSTOP, a sleeping laptop) may have lost the session without noticing.
   */
  isOwner(): boolean {
    if (this.#left) return false;
    try {
      if (this.#project.store.holds(this.#lease)) return true;
    } catch (error) {
      // Another process cannot read the store either, so it cannot have taken over; and agents must remain stoppable.
      this.#logError('cannot read the owner of the session', error);
      return true;
    }
    this.leave();
    return false;
  }

  /** Changes the session; the next {@link commit} or {@link flush} stores the change. */
  decide(change: Change, artifacts: readonly ArtifactRecord[] = []): void {
    const changesNothing = change.next === this.#workflow;
    const alone = changesNothing ? [(workflow: Workflow) => ({ next: workflow, events: change.events })] : [];
    const canWait = changesNothing && artifacts.length === 0;
    this.#add(change, { artifacts, alone, about: null, canWait });
  }

  /** Records a new stage of a running agent. May be lost in a crash: the next owner determines the stage again. */
  enterStage(decide: (workflow: Workflow) => Change): void {
    this.#add(decide(this.#workflow), { artifacts: [], alone: [decide], about: null, canWait: true });
  }

  /** Records how a running agent ended. If the report cannot be stored, the agent still ends, with that reason. */
  settle(id: AgentId, report: AgentReport, at: string, before: readonly DomainEvent[] = []): void {
    const decideOn = (workflow: Workflow, told: AgentReport): Change => {
      const { next, events } = settleAgent(workflow, id, told, at);
      return { next, events: [...before, ...events] };
    };
    const alone = [0, 1, 2].map((way) => (workflow: Workflow, refusal: unknown) => {
      const told = way === 0 ? report : insteadOf(report, refusal)[way - 1];
      return decideOn(workflow, told as AgentReport);
    });
    this.#add(decideOn(this.#workflow, report), { artifacts: [], alone, about: 'end', canWait: false });
  }

  /** Records the progress of running agents. */
  note(notes: readonly ProgressNote[], at: string): void {
    for (const note of notes) {
      const decide = (workflow: Workflow): Change => recordProgress(workflow, [note], at);
      this.#add(decide(this.#workflow), { artifacts: [], alone: [decide], about: note.id, canWait: false });
    }
  }

  #add({ next, events }: Change, more: Omit<Unstored, 'events'>): void {
    if (next === this.#workflow && events.length === 0 && more.artifacts.length === 0) return;
    this.#workflow = next;
    this.#unstored = [...this.#unstored, { events, ...more }];
  }

  /**
   * Changes the session, and stores this with all earlier decisions.
   * @throws LeaseLost, ChangeRefused
   */
  async commit(change: Change): Promise<void> {
    this.decide(change);
    await this.flush();
  }

  /**
   * Stores all decisions that are not stored yet.
   * @throws LeaseLost, ChangeRefused
   */
  async flush(): Promise<void> {
    if (!this.hasUnstored) return;
    const unstored = this.#unstored;
    try {
      await this.#store(
        { next: this.#workflow, events: unstored.flatMap(({ events }) => events) },
        unstored.flatMap(({ artifacts }) => artifacts),
      );
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await this.#storeOneByOne(unstored, error);
    }
  }

  /**
   * Stores those parts of a refused change that can stand alone, and drops the faulty ones, so that no single report
   * can end its session. If a retry was requested before an end, the end is decided again.
   * @throws ChangeRefused when some part was handled, the original refusal when none could be left out
   */
  async #storeOneByOne(unstored: readonly Unstored[], refusal: unknown): Promise<never> {
    const isRetryAsked = refusal instanceof RetryAsked;
    if (!isRetryAsked) this.#logError('the store refused a change; storing its parts one by one', refusal);
    this.#workflow = this.#stored;
    this.#unstored = [];
    const unrecorded = new Map<AgentId, string>();
    let parts = 0;
    for (const { artifacts, alone, about } of unstored) {
      if (alone.length === 0) continue;
      parts += 1;
      const fault = await this.#storeAlone(alone, artifacts, refusal);
      if (fault === null || about === null) continue;
      if (about === 'end') throw fault;
      unrecorded.set(about, refusedReport(fault));
    }
    if (parts === 0 && !isRetryAsked) throw refusal;
    throw new ChangeRefused(refusal, unrecorded);
  }

  /** @returns why none of the ways could be stored; null when one was */
  async #storeAlone(
    ways: Unstored['alone'],
    artifacts: readonly ArtifactRecord[],
    refusal: unknown,
  ): Promise<unknown> {
    let last = refusal;
    for (const decide of ways) {
      try {
        await this.#store(decide(this.#stored, last), artifacts);
        return null;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        last = error;
        this.#workflow = this.#stored;
      }
    }
    this.#logError('skipping what the store refused', last);
    return last;
  }

  async #store(change: Change, artifacts: readonly ArtifactRecord[]): Promise<void> {
    await tellTeams(this.#project, this.#stored, change.next, () => this.isOwner());
    const recorded = await this.whenStoreIsFree(() =>
      this.#project.store.commit(this.#lease, this.#stored, change, artifacts),
    );
    this.#stored = change.next;
    this.#workflow = change.next;
    this.#unstored = [];
    this.#project.watcher.notify();
    this.#documents.follow(change.next, recorded);
  }

  /**
   * Uses the store. If it is busy or full, retries for as long as it takes: the agents continue, and nothing that
   * happened is dropped.
   * @throws LeaseLost, and every error of the work
   */
  async whenStoreIsFree<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        const done = await whenFree(this.#project, () => {
          if (this.#left) throw new LeaseLost(this.#lease.sessionId);
          return work();
        });
        this.#troubles.works('store');
        return done;
      } catch (error) {
        if (!isMaosError(error, 'STORE_BUSY') && !isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED')) throw error;
        this.#troubles.failed('store', error);
        this.#logError('store not usable, retrying', error);
        await this.pause();
      }
    }
  }

  /** Settles after the pause before retrying a busy store. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.#project.clock.after(storeRetryMs, resolve));
  }

  /** Creates the session's folders, before anything else is written there. */
  prepareFiles(): void {
    this.#documents.prepare();
  }

  /** Settles when the session's folders exist or cannot be created. */
  get filesPrepared(): Promise<void> {
    return this.#documents.prepared;
  }

  /** Brings the files up to date for the last time. */
  close(): Promise<void> {
    return this.#documents.close();
  }

  #logError(message: string, error: unknown): void {
    this.#project.log.log('error', message, { session: this.#lease.sessionId, error });
  }
}

import type { SessionId } from '../../domain/ids.ts';
import { recordClockChange } from '../../domain/session-life.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import type { Clock } from '../ports/clock.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { ClockDrift } from './clock-drift.ts';
import type { SessionHistory } from './session-history.ts';
import type { SessionRecord } from './session-record.ts';

interface TimeProject {
  readonly clock: Clock;
  readonly store: Pick<SessionStore, 'events'>;
}

/** The run time of a session, from its events, without sleep of the machine and changes of its clock. */
export class SessionTime {
  readonly #project: TimeProject;
  readonly #record: SessionRecord;
  readonly #history: SessionHistory;
  #drift: ClockDrift;

  constructor(project: TimeProject, record: SessionRecord, history: SessionHistory) {
    this.#project = project;
    this.#record = record;
    this.#history = history;
    this.#drift = new ClockDrift(project.clock, record.workflow.session.inactiveMs);
  }

  /** Records changes of the clock while the session had no owner, before any duration is computed. */
  async prepare(): Promise<void> {
    await this.#read();
    const { inactiveMs } = this.#record.workflow.session;
    this.#drift = new ClockDrift(this.#project.clock, inactiveMs, this.#history.lastAt);
    this.noteDrift();
    await this.#record.flush();
    await this.readHistory();
  }

  /** Call after each event that starts or stops the session's time. */
  async readHistory(): Promise<void> {
    await this.#read();
    this.#history.watch(this.#project.clock, this.#record.workflow.session.budget.maxWallMs);
  }

  /** Call before any decision that depends on the time of day. */
  noteDrift(): void {
    const byMs = this.#drift.unrecordedMs(this.#record.workflow.session.inactiveMs);
    if (byMs !== 0) this.#record.decide(recordClockChange(this.#record.workflow, byMs, this.now()));
  }

  /** Stores a change with which the session starts, continues or stops running. */
  async commit(decide: (workflow: Workflow, at: string) => Change): Promise<void> {
    await this.#record.commit(decide(this.#record.workflow, this.now()));
    await this.readHistory();
  }

  now(): string {
    return this.#project.clock.now();
  }

  async #read(): Promise<void> {
    const id: SessionId = this.#record.workflow.session.id;
    await this.#record.whenStoreIsFree(() => this.#history.read(this.#project.store, id));
  }
}

import type { SessionId } from '../../domain/ids.ts';
import { InputRequests, type RequestsProject } from '../requests/input-requests.ts';
import type { WakeSignal } from './wake-signal.ts';

/** Maximum number of open requests compared per session. */
const maxCompared = 1_000;
/** A launch writes several times within this time, and each write notifies; one comparison is enough for all. */
const gatherMs = 5;
/** Limited, because the clock may be set meanwhile. */
const longestTimerMs = 60_000;

/**
 * Follows the requests of one session's agents: wakes its loop when any process opens or closes one, and expires
 * unanswered ones in time.
 */
export class RequestWatch {
  readonly #project: RequestsProject;
  readonly #requests: InputRequests;
  readonly #sessionId: SessionId;
  readonly #wakeSignal: WakeSignal;
  #seen = '';
  #unsubscribe = (): void => {};
  #cancelComparison: (() => void) | null = null;

  constructor(project: RequestsProject, sessionId: SessionId, wakeSignal: WakeSignal) {
    this.#project = project;
    this.#requests = new InputRequests(project);
    this.#sessionId = sessionId;
    this.#wakeSignal = wakeSignal;
  }

  start(): void {
    this.#seen = this.#open();
    this.#unsubscribe = this.#project.watcher.subscribe(() => {
      this.#cancelComparison ??= this.#project.clock.after(gatherMs, () => this.#compare());
    });
  }

  /** Call in every round. */
  look(): void {
    if (this.#seen !== '') this.#requests.expireDue();
    const due = this.#seen === '' ? null : this.#requests.nextDue(this.#sessionId);
    if (due === null) this.#wakeSignal.cancel('request expiry');
    else {
      const leftMs = Math.max(1, Date.parse(due) - Date.parse(this.#project.clock.now()));
      this.#wakeSignal.schedule('request expiry', Math.min(leftMs, longestTimerMs));
    }
  }

  /** Whether the session has open requests. */
  get hasOpen(): boolean {
    return this.#seen !== '';
  }

  stop(): void {
    this.#unsubscribe();
    this.#cancelComparison?.();
  }

  #compare(): void {
    this.#cancelComparison = null;
    const open = this.#openIfReadable();
    if (open === this.#seen) return;
    this.#seen = open;
    this.#wakeSignal.notify();
  }

  #open(): string {
    const query = { sessionId: this.#sessionId, state: 'open', limit: maxCompared } as const;
    const open = this.#project.store.inputRequests.list(query);
    return open.map(({ id }) => id).join(' ');
  }

  /** An error of the store must not end the program from a listener; the next round reports it. */
  #openIfReadable(): string {
    try {
      return this.#open();
    } catch {
      return this.#seen;
    }
  }
}

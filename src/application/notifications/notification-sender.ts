import type { RecordedEvent } from '../../domain/events.ts';
import type { InstanceId } from '../../domain/ids.ts';
import {
  type Notification,
  notificationOf,
  type OutsideWay,
  outsideWays,
  retryDelayMs,
} from '../../domain/notification.ts';
import type { Outbox, SendNotification, SendOutcome, WaitingNotification } from '../ports/notifications.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { type FailureProject, recordFailure } from './record-failure.ts';

/** The parts of a project that sending notifications needs. */
export type NotifyingProject = FailureProject &
  Pick<Project, 'path'> & {
    readonly store: Pick<SessionStore, 'notifications' | 'events' | 'load'>;
  };

const maxAtOnce = 4;
/** Retry interval while the store cannot be used. */
const lookAgainMs = 2_000;

/**
 * Sends the notifications in a project's outbox that this instance may send. Works independently of sessions, which
 * never wait for it. Does nothing if neither a command nor a webhook is configured.
 */
export class NotificationSender implements Outbox {
  readonly #project: NotifyingProject;
  readonly #send: Readonly<Record<OutsideWay, SendNotification>>;
  readonly #isUsed: boolean;
  readonly #sending = new Map<string, WaitingNotification>();
  readonly #waiters = new Set<() => void>();
  #ending = new AbortController();
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #stopTimer: (() => void) | null = null;

  constructor(project: NotifyingProject, send: Readonly<Record<OutsideWay, SendNotification>>) {
    this.#project = project;
    this.#send = send;
    const { ways } = project.settings.notifications;
    this.#isUsed = Object.values(ways).some((list) => outsideWays.some((way) => list.includes(way)));
  }

  wake(): void {
    if (!this.#isUsed || this.#ending.signal.aborted) return;
    if (this.#looking !== null) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.wake();
    });
  }

  async isBusy(): Promise<boolean> {
    if (!this.#isUsed) return false;
    const { store, instance } = this.#project;
    const gone = await this.#gone();
    return whenFree(this.#project, () => store.notifications.nextDue(instance, gone) !== null);
  }

  async isAbandoned(): Promise<boolean> {
    if (!this.#isUsed) return false;
    const { store } = this.#project;
    const gone = await this.#gone();
    return whenFree(this.#project, () => store.notifications.nextDue(null, gone) !== null);
  }

  async idle(): Promise<void> {
    while (!this.#ending.signal.aborted && (await this.isBusy())) {
      this.wake();
      await new Promise<void>((resolve) => {
        this.#waiters.add(resolve);
        this.#project.clock.after(lookAgainMs, resolve);
      });
    }
  }

  async end(patience: AbortSignal): Promise<boolean> {
    if (!this.#isUsed) return false;
    this.wake();
    const expired = new Promise<void>((resolve) => {
      if (patience.aborted) resolve();
      patience.addEventListener('abort', () => resolve());
    });
    while (!patience.aborted && (this.#looking !== null || this.#sending.size > 0)) {
      const sent = new Promise<void>((resolve) => this.#waiters.add(resolve));
      await Promise.race([this.#looking ?? sent, expired]);
    }
    const left = [...this.#sending.values()];
    this.stop();
    const { store, instance } = this.#project;
    for (const notification of left)
      if (notification.way === 'command') store.notifications.remove(notification);
    if (!(await this.isBusy())) return false;
    store.notifications.release(instance);
    const gone = new Set(await this.#gone());
    return store.notifications.holders(instance).every((holder) => gone.has(holder));
  }

  stop(): void {
    this.#ending.abort();
    this.#stopTimer?.();
  }

  async #look(): Promise<void> {
    const { store, instance, instances, clock, log } = this.#project;
    this.#stopTimer?.();
    try {
      const gone = await this.#gone();
      if (store.notifications.nextDue(instance, gone) === null) return;
      // Registers this instance first, because notifications held by an unknown instance count as abandoned.
      await instances.announce();
      const max = maxAtOnce;
      const due = await whenFree(this.#project, () =>
        this.#ending.signal.aborted
          ? []
          : store.notifications.claim(instance, gone, clock.now(), max + this.#sending.size),
      );
      const free = due.filter((notification) => !this.#sending.has(keyOf(notification)));
      for (const notification of free.slice(0, max - this.#sending.size)) void this.#attempt(notification);
      if (this.#sending.size >= max || this.#ending.signal.aborted) return;
      const next = store.notifications.nextDue(instance, gone);
      if (next !== null) this.#arm(Date.parse(next) - Date.parse(clock.now()));
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      log.log('warn', 'cannot look for notifications, retrying', { error });
      this.#arm(lookAgainMs);
    }
  }

  #arm(ms: number): void {
    // Notifications that are being sent are due as well; the end of each causes another look.
    if (ms <= 0 && this.#sending.size > 0) return;
    this.#stopTimer = this.#project.clock.after(Math.max(ms, 20), () => this.wake());
  }

  async #attempt(notification: WaitingNotification): Promise<void> {
    const key = keyOf(notification);
    this.#sending.set(key, notification);
    try {
      const message = this.#messageOf(notification);
      const outcome: SendOutcome =
        message === null
          ? { type: 'sent' }
          : await this.#send[notification.way](message, this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      await this.#settle(notification, message, outcome);
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const { sessionId: session, way } = notification;
      this.#project.log.log('warn', 'notification not settled, retrying', { session, way, error });
      await new Promise<void>((resolve) => this.#project.clock.after(lookAgainMs, resolve));
    } finally {
      this.#sending.delete(key);
      this.#tellWaiters();
      this.wake();
    }
  }

  /** Null if it is not wanted: the settings have changed, or it is no request and an agent started the session. */
  #messageOf({ sessionId, seq, way }: WaitingNotification): Notification | null {
    const { store, path, settings } = this.#project;
    const event = store.events(sessionId, seq - 1, 1)[0] as RecordedEvent;
    const { session, agents } = store.load(sessionId);
    const agent = agents.find(({ id }) => id === event.agentId);
    const about = { objective: session.objective, project: path, agentName: agent?.name ?? null };
    const message = notificationOf(event, about);
    if (message === null || message.kind === 'test') return null;
    if (session.parent !== null && message.kind !== 'request') return null;
    return settings.notifications.ways[message.kind].includes(way) ? message : null;
  }

  async #settle(
    notification: WaitingNotification,
    message: Notification | null,
    outcome: SendOutcome,
  ): Promise<void> {
    const { store, clock, log } = this.#project;
    const { sessionId: session, way } = notification;
    const tries = notification.tries + 1;
    if (outcome.type === 'sent' || message === null) {
      await whenFree(this.#project, () => store.notifications.remove(notification));
      return;
    }
    const { reason } = outcome;
    const delay = outcome.type === 'unreachable' ? retryDelayMs(tries, outcome.retryAfterMs) : null;
    log.log('warn', 'notification not sent', { session, way, tries, reason, retryMs: delay });
    if (delay === null) {
      const { id, kind } = message;
      await recordFailure(this.#project, notification, { id, kind, tries, reason, at: clock.now() });
      return;
    }
    const due = new Date(Date.parse(clock.now()) + delay).toISOString();
    await whenFree(this.#project, () => store.notifications.postpone(notification, due, reason));
  }

  async #gone(): Promise<readonly InstanceId[]> {
    const { store, instance, instances } = this.#project;
    const gone: InstanceId[] = [];
    for (const holder of store.notifications.holders(instance)) {
      if (!(await instances.isAlive(holder))) gone.push(holder);
    }
    return gone;
  }

  #tellWaiters(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }
}

function keyOf({ sessionId, seq, way }: WaitingNotification): string {
  return `${sessionId} ${seq} ${way}`;
}

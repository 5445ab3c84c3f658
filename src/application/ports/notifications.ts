import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { Notification, OutsideWay } from '../../domain/notification.ts';
import type { Lease } from './ownership.ts';

/** An event of a session that is to be sent in one way. */
export interface WaitingNotification {
  readonly sessionId: SessionId;
  readonly seq: number;
  readonly way: OutsideWay;
  /** Number of tries so far. */
  readonly tries: number;
  /** Why the last try failed. */
  readonly reason: string | null;
}

/** A notification that was given up. */
export interface FailedNotification extends WaitingNotification {
  readonly failedAt: string;
}

/**
 * The outbox. Notifications are stored in the transaction of their event, so that no crash loses them, and removed when
 * they have been sent. Only the instance that holds a notification sends it: the one that claimed it, otherwise the
 * owner of its session, otherwise any. Every method is one transaction and throws as those of SessionStore do.
 */
export interface NotificationStore {
  /** Other instances that hold notifications. */
  holders(except: InstanceId): readonly InstanceId[];
  /** Claims due notifications that are held by this instance, by none, or by one of the `gone`. */
  claim(by: InstanceId, gone: readonly InstanceId[], at: string, max: number): readonly WaitingNotification[];
  /**
   * When the next notification that `by` may claim is due; null: there is none. With null as `by`, only notifications
   * that no living instance holds.
   */
  nextDue(by: InstanceId | null, gone: readonly InstanceId[]): string | null;
  /** It was sent, or is no longer wanted. */
  remove(notification: WaitingNotification): void;
  /** Another try has failed. */
  postpone(notification: WaitingNotification, dueAt: string, reason: string): void;
  /**
   * Gives it up, with an event.
   * @param lease required for an ended session, because its holder must then update the session's files
   * @returns false if the session has ended and there is no lease; then nothing is stored
   */
  fail(notification: WaitingNotification, failure: NotificationFailure, lease: Lease | null): boolean;
  /** Releases the instance's claims. */
  release(by: InstanceId): void;
  /** Newest first. */
  failures(since: string, limit: number): readonly FailedNotification[];
}

export interface NotificationFailure {
  readonly id: string;
  readonly kind: string;
  readonly tries: number;
  readonly reason: string;
  readonly at: string;
}

/** `unreachable`: worth another try; `refused`: not. */
export type SendOutcome =
  | { readonly type: 'sent' }
  | { readonly type: 'unreachable'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly type: 'refused'; readonly reason: string };

/** Sends in one way. Never throws, and takes at most 30 s. The signal ends it early, as `unreachable`. */
export type SendNotification = (notification: Notification, signal: AbortSignal) => Promise<SendOutcome>;

/** A project's notifications to other programs. */
export interface Outbox {
  /** Call when a notification may be due. */
  wake(): void;
  /** Whether notifications wait for this instance, now or later. */
  isBusy(): Promise<boolean>;
  /** Whether notifications wait that no living instance holds. */
  isAbandoned(): Promise<boolean>;
  /** Settles when no notification waits for this instance any longer. */
  idle(): Promise<void>;
  /**
   * Stops sending. A command that has started counts as sent; everything else is left to the next process.
   * @param patience how long to wait for notifications that are being sent
   * @returns whether notifications remain, and no other living instance would send them
   */
  end(patience: AbortSignal): Promise<boolean>;
  /** Call before the store is closed. */
  stop(): void;
}

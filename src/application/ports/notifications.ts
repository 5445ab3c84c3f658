import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { Notification, OutsideWay } from '../../domain/notification.ts';
import type { Lease } from './ownership.ts';

/** A notification that waits to be sent one way: an event of a session. */
export interface WaitingNotification {
  readonly sessionId: SessionId;
  readonly seq: number;
  readonly way: OutsideWay;
  /** Tries made so far. */
  readonly tries: number;
  /** Why the last of them failed. */
  readonly reason: string | null;
}

/** One that was given up. */
export interface FailedNotification extends WaitingNotification {
  readonly failedAt: string;
}

/**
 * The outbox: what is to be sent is stored in the transaction of its event, so that no crash loses it, and leaves when
 * it was sent. Each is held by one instance, which alone sends it: the one that claimed it, else its session's owner,
 * else nobody. Every method is one transaction and throws as those of SessionStore do.
 */
export interface NotificationStore {
  /** Instances other than this one that hold something. */
  holders(except: InstanceId): readonly InstanceId[];
  /** Claims what is due and held by this instance, by nobody, or by one of those that are gone. */
  claim(by: InstanceId, gone: readonly InstanceId[], at: string, max: number): readonly WaitingNotification[];
  /** When the next of those it might claim is due; null when there is none. `by` null: of those that somebody else might. */
  nextDue(by: InstanceId | null, gone: readonly InstanceId[]): string | null;
  /** It has arrived, or is not wanted any more. */
  remove(notification: WaitingNotification): void;
  /** A try more came to nothing. */
  postpone(notification: WaitingNotification, dueAt: string, reason: string): void;
  /**
   * Gives it up, with an event.
   * @param lease of the session, which one that has ended needs: somebody has to bring its files after its events
   * @returns false where the session has ended and there is no lease: nothing is stored then
   */
  fail(notification: WaitingNotification, failure: NotificationFailure, lease: Lease | null): boolean;
  /** What the instance has claimed is its no more. */
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

/** How sending ended. `unreachable` is worth another try; `refused` is not. */
export type SendOutcome =
  | { readonly type: 'sent' }
  | { readonly type: 'unreachable'; readonly reason: string; readonly retryAfterMs: number | null }
  | { readonly type: 'refused'; readonly reason: string };

/** Sends one way. Never throws, and takes at most half a minute; the signal ends it early, as `unreachable`. */
export type SendNotification = (notification: Notification, signal: AbortSignal) => Promise<SendOutcome>;

/** What a project has of notifications that leave MAOS. */
export interface Outbox {
  /** Something may be due. */
  wake(): void;
  /** Whether something waits for this instance, also for a later time. */
  isBusy(): Promise<boolean>;
  /** Whether something waits that no living instance is to send. */
  isAbandoned(): Promise<boolean>;
  /** Settles when nothing waits for this instance any more. */
  idle(): Promise<void>;
  /**
   * Sends no more. A command that has begun counts as sent; all else is left to whoever comes next.
   * @param patience what is being sent is waited for as long
   * @returns whether something is left that no other living instance waits for
   */
  end(patience: AbortSignal): Promise<boolean>;
  /** The store is about to be closed. */
  stop(): void;
}

import type { RecordedEvent } from '../../domain/events.ts';
import type { InstanceId, SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Lease } from './ownership.ts';

/** What keeping sessions needs beyond running them: checkpoints, the proof of the event log, removal, archives. */

/** All of a session that is needed to go on, as it was right after event `seq`. */
export interface Checkpoint {
  readonly version: 1;
  readonly at: string;
  /** Type of the event that was the occasion. */
  readonly reason: string;
  readonly lastEvent: {
    readonly seq: number;
    /** Of the chain up to that event: with it, the log can be proven to be the same one. */
    readonly hash: string;
  };
  readonly workflow: Workflow;
}

/** How long and how many sessions are kept; null: no limit. */
export interface RetentionPolicy {
  readonly maxAgeMs: number | null;
  /** Of one project, live ones included. */
  readonly maxSessions: number | null;
  /** Of all session folders of one project together, live ones included, as they take up the disk. */
  readonly maxBytes: number | null;
}

export interface HashedEvent {
  readonly event: RecordedEvent;
  readonly hash: string;
}

export interface SessionAge {
  readonly id: SessionId;
  readonly state: SessionState;
  /** It has not ended, or it has an owner that was heard of lately. */
  readonly live: boolean;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

/** Every method is one transaction and throws as those of SessionStore do. */
export interface MaintenanceStore {
  /** The chain's hash after the event; null when there is no such event. */
  hashAt(id: SessionId, seq: number): string | null;
  /** Hash of an event that follows on `previousHash` ('' for the first). */
  chainHash(previousHash: string, event: RecordedEvent): string;
  /** Events above `after` with their hashes, as they are in the table, whether or not they fit together. */
  hashedEvents(id: SessionId, after: number, limit: number): readonly HashedEvent[];
  /**
   * Notes a checkpoint and forgets those before `keepFrom`.
   * @param options.announce with the event `checkpoint.written`
   * @throws LeaseLost
   */
  recordCheckpoint(
    lease: Lease,
    checkpoint: { seq: number; reason: string; path: string; at: string },
    options: { keepFrom: number; announce: boolean },
  ): void;
  /**
   * Every session, those that ended first before the others.
   * @param staleBefore an owner not heard of since counts as none
   */
  sessionAges(staleBefore: string): readonly SessionAge[];
  /**
   * Removes all records of sessions, in order, until the time is up. Sessions that are active by then are skipped.
   * @returns how many of `ids` were dealt with, and which of them are gone
   */
  removeEnded(
    ids: readonly SessionId[],
    staleBefore: string,
    maxMs: number,
  ): { readonly dealtWith: number; readonly removed: readonly SessionId[] };
  exists(id: SessionId): boolean;
  /**
   * Puts a session back, owned by `owner`, with its events and the artifacts and checkpoint they name.
   * @param proof the hash the events' chain must have after `seq`
   * @throws MaosError INVALID_TRANSITION when the session is there already, STORE_CORRUPT when the events are not
   *   those the checkpoint was written after; nothing is stored then
   */
  restore(
    workflow: Workflow,
    events: readonly RecordedEvent[],
    proof: { readonly seq: number; readonly hash: string; readonly path: string; readonly reason: string },
    owner: InstanceId,
    at: string,
  ): Lease;
}

/** A line of session.log. */
export interface LogLine {
  /** From 1. */
  readonly number: number;
  /** Null for a line that is no record. */
  readonly event: RecordedEvent | null;
  /** False for a last line without its end. */
  readonly whole: boolean;
}

export interface FoundCheckpoint {
  readonly seq: number;
  /** Relative to the session's folder. */
  readonly path: string;
}

/** A document made for an archive. The text is asked for twice and must be the same. */
export interface ArchiveDocument {
  readonly path: string;
  text(): Iterable<string>;
}

/** Takes the bytes of an archive, piece by piece; settles when it may be given the next. */
export type ArchiveSink = (piece: Uint8Array) => Promise<void>;

export interface ArchiveReport {
  /** Null for a sink. */
  readonly path: string | null;
  readonly files: number;
  /** Of the files in it, before compression. */
  readonly contentBytes: number;
  readonly archiveBytes: number;
  /** Paths with the reason why they are not in it, or not as they were meant to be. */
  readonly notes: readonly { readonly path: string; readonly note: string }[];
}

/** Sessions whose removal was begun and perhaps not ended, by this or another process. */
export interface Removal {
  readonly token: string;
  readonly sessions: readonly SessionId[];
  readonly begunAt: string;
}

/** A file or folder that the system did not let go, with its code (`EPERM`) or words. */
export interface NotRemoved {
  readonly path: string;
  readonly reason: string;
}

export interface MaintenanceFiles {
  /** Writes it and removes all but the newest `keep`. `keepFrom`: seq of the oldest one left. */
  writeCheckpoint(checkpoint: Checkpoint, keep: number): Promise<{ path: string; keepFrom: number }>;
  /** Newest first. */
  checkpoints(id: SessionId): Promise<readonly FoundCheckpoint[]>;
  /** @throws MaosError INVALID_INPUT when it is not there or no checkpoint of that session */
  readCheckpoint(id: SessionId, path: string): Promise<Checkpoint>;
  /** Removes checkpoints written after `seq`. */
  dropCheckpoints(id: SessionId, after: number): Promise<void>;
  /** Any file. @throws MaosError INVALID_INPUT when it is not there or no checkpoint */
  readCheckpointFile(path: string): Promise<Checkpoint>;
  /** The lines of session.log; none where there is no log. */
  logLines(id: SessionId): AsyncIterable<LogLine>;

  /** Sessions that have a folder, oldest first. */
  folders(): Promise<readonly SessionId[]>;
  /** The room that the session's folder takes on the disk: of a sparse file only what is there; 0 without one. */
  sizeOf(id: SessionId): Promise<number>;
  /** When its log or metadata last changed; null when it has neither. */
  lastChange(id: SessionId): Promise<string | null>;

  /** Notes durably that the sessions' records are about to go. */
  beginRemoval(sessions: readonly SessionId[], at: string): Promise<Removal>;
  removals(): Promise<readonly Removal[]>;
  endRemoval(removal: Removal): Promise<void>;
  /**
   * Removes the session's folder; what a kill leaves of it has no session's name any more.
   * @returns what could not be removed
   */
  discard(id: SessionId): Promise<readonly NotRemoved[]>;
  /** Removes what is left of discarded folders. @returns what still could not be removed */
  sweep(): Promise<readonly NotRemoved[]>;
  /** When sessions were last collected; null for never. */
  lastCollection(): Promise<string | null>;
  noteCollection(at: string): Promise<void>;

  /**
   * Writes one `.tar.gz` with the session's whole folder, the documents, and a manifest of every file's SHA-256.
   * @param to absolute path (no file of that name is there unless the archive is complete), or a sink
   * @throws MaosError INVALID_INPUT when the file exists and `replace` is false, and for a path that cannot be a file's;
   *   RESOURCE_LIMIT_EXCEEDED, FORBIDDEN
   */
  writeArchive(
    id: SessionId,
    documents: readonly ArchiveDocument[],
    to: string | ArchiveSink,
    options: { readonly replace: boolean; readonly about: object; readonly signal?: AbortSignal },
  ): Promise<ArchiveReport>;
}

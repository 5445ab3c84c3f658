import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Lease } from './ownership.ts';

/** Maintenance of sessions: checkpoints, verification of the event log, removal, archives. */

/** Everything needed to continue a session, as it was right after event `seq`. */
export interface Checkpoint {
  readonly version: 1;
  readonly at: string;
  /** Type of the event that caused it. */
  readonly reason: string;
  readonly lastEvent: {
    readonly seq: number;
    /** Hash of the chain up to that event, which proves that a log is the same. */
    readonly hash: string;
  };
  readonly workflow: Workflow;
}

/** How long and how many sessions to keep; null: no limit. */
export interface RetentionPolicy {
  readonly maxAgeMs: number | null;
  /** Per project, including live ones. */
  readonly maxSessions: number | null;
  /** Disk space of all session folders of a project, including live ones. */
  readonly maxBytes: number | null;
  /** Branches and refs of removed sessions that have not landed. */
  readonly maxRefsAgeMs: number | null;
}

export interface HashedEvent {
  readonly event: RecordedEvent;
  readonly hash: string;
}

export interface SessionAge {
  readonly id: SessionId;
  readonly state: SessionState;
  /** It has not ended, it has an owner with a recent heartbeat, or another session is landing its work. */
  readonly live: boolean;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

/** Every method is one transaction and throws like those of SessionStore. */
export interface MaintenanceStore {
  /** The chain's hash after the event; null if there is no such event. */
  hashAt(id: SessionId, seq: number): string | null;
  /** Hash of an event that follows `previousHash` ('' for the first). */
  chainHash(previousHash: string, event: RecordedEvent): string;
  /** Events after `after` with their hashes, as in the table, valid or not. */
  hashedEvents(id: SessionId, after: number, limit: number): readonly HashedEvent[];
  /**
   * Records a checkpoint and forgets those before `keepFrom`.
   * @param options.announce whether to store the event `checkpoint.written`
   * @throws LeaseLost
   */
  recordCheckpoint(
    lease: Lease,
    checkpoint: { seq: number; reason: string; path: string; at: string },
    options: { keepFrom: number; announce: boolean },
  ): void;
  /**
   * Every session, those that ended first before others.
   * @param staleBefore ignore owners without a heartbeat since then
   */
  sessionAges(staleBefore: string): readonly SessionAge[];
  /**
   * Removes all records of sessions, in order, until the time is over. Skips sessions that are active now.
   * @returns how many of `ids` were handled, and which of them are gone
   */
  removeEnded(
    ids: readonly SessionId[],
    staleBefore: string,
    maxMs: number,
  ): { readonly dealtWith: number; readonly removed: readonly SessionId[] };
  exists(id: SessionId): boolean;
  /**
   * Restores a session, owned by `owner`, with its events and the artifacts and checkpoint that they name.
   * @param proof the hash that the events' chain must have after `seq`
   * @throws MaosError INVALID_TRANSITION when the session exists, STORE_CORRUPT when the events are not those before
   *   the checkpoint; then nothing is stored
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
  /** Null for a line that is not a record. */
  readonly event: RecordedEvent | null;
  /** False for a last line without a line end. */
  readonly whole: boolean;
}

export interface FoundCheckpoint {
  readonly seq: number;
  /** Relative to the session's folder. */
  readonly path: string;
}

/** A generated document in an archive. The text is read twice and must be the same each time. */
export interface ArchiveDocument {
  readonly path: string;
  text(): Iterable<string>;
}

/** Takes the bytes of an archive, piece by piece; settles when it can take the next. */
export type ArchiveSink = (piece: Uint8Array) => Promise<void>;

export interface ArchiveReport {
  /** Null for a sink. */
  readonly path: string | null;
  readonly files: number;
  /** Size of the files in it, before compression. */
  readonly contentBytes: number;
  readonly archiveBytes: number;
  /** Paths that are missing or incomplete, with the reasons. */
  readonly notes: readonly { readonly path: string; readonly note: string }[];
}

/** Sessions whose removal was begun by this or another process, and may be unfinished. */
export interface Removal {
  readonly token: string;
  readonly sessions: readonly SessionId[];
  readonly begunAt: string;
}

/** A file or folder that could not be removed, with the system's code (`EPERM`) or message. */
export interface NotRemoved {
  readonly path: string;
  readonly reason: string;
}

/** Where work of an agent may be that is not in a commit. */
export interface WorktreeFolder {
  readonly agentId: AgentId;
  /** Absolute path of its worktree; null if it has none. */
  readonly worktree: string | null;
  /** Whether anything but git's own file is in the worktree. */
  readonly hasFiles: boolean;
  readonly hasCheckouts: boolean;
}

/** What a session's own documents say about the git work of its agents. */
export interface RecordedWork {
  /** The folder that the session was started in. */
  readonly repository: string;
  /** When it ended, or was created; ISO 8601. */
  readonly at: string;
  readonly agents: readonly {
    readonly id: AgentId;
    readonly name: string;
    readonly attempt: number;
    /** Without `refs/heads/`. */
    readonly branch: string;
    /** The commit that it began from. */
    readonly base: string;
  }[];
}

export interface MaintenanceFiles {
  /** Writes a checkpoint and removes all but the newest `keep`. `keepFrom`: `seq` of the oldest remaining one. */
  writeCheckpoint(checkpoint: Checkpoint, keep: number): Promise<{ path: string; keepFrom: number }>;
  /** Newest first. */
  checkpoints(id: SessionId): Promise<readonly FoundCheckpoint[]>;
  /** @throws MaosError INVALID_INPUT when it is missing or not a checkpoint of that session */
  readCheckpoint(id: SessionId, path: string): Promise<Checkpoint>;
  /** Removes checkpoints written after `seq`. */
  dropCheckpoints(id: SessionId, after: number): Promise<void>;
  /** Reads any file. @throws MaosError INVALID_INPUT when it is missing or not a checkpoint */
  readCheckpointFile(path: string): Promise<Checkpoint>;
  /** The lines of session.log; none if it is missing. */
  logLines(id: SessionId): AsyncIterable<LogLine>;

  /** Sessions that have a folder, oldest first. */
  folders(): Promise<readonly SessionId[]>;
  /** Disk space of the session's folder, in bytes, not the apparent size of sparse files; 0 if it is missing. */
  sizeOf(id: SessionId): Promise<number>;
  /** When its log or metadata last changed; null if it has neither. */
  lastChange(id: SessionId): Promise<string | null>;

  /** Worktrees and checkouts in the session's folder. @throws MaosError when the folder cannot be read */
  worktrees(id: SessionId): Promise<readonly WorktreeFolder[]>;
  /** For a session that is not in the store; null if its folder does not say it. */
  recordedWork(id: SessionId): Promise<RecordedWork | null>;
  /** Whether any project of this home has a folder of the session. */
  isKept(id: SessionId): Promise<boolean>;

  /** Records durably that the sessions' records are about to be deleted. */
  beginRemoval(sessions: readonly SessionId[], at: string): Promise<Removal>;
  removals(): Promise<readonly Removal[]>;
  endRemoval(removal: Removal): Promise<void>;
  /**
   * Removes the session's folder; after a kill, the remainder no longer has a session's name.
   * @returns what could not be removed
   */
  discard(id: SessionId): Promise<readonly NotRemoved[]>;
  /** Removes remainders of discarded folders. @returns what still could not be removed */
  sweep(): Promise<readonly NotRemoved[]>;
  /** When sessions were last collected; null for never. */
  lastCollection(): Promise<string | null>;
  noteCollection(at: string): Promise<void>;

  /**
   * Writes one `.tar.gz` with the session's folder without worktrees and checkouts, the documents, and a manifest with every file's SHA-256.
   * @param to absolute path (the file exists only when the archive is complete), or a sink
   * @throws MaosError INVALID_INPUT when the file exists and `replace` is false, or the path cannot be a file;
   *   RESOURCE_LIMIT_EXCEEDED, FORBIDDEN
   */
  writeArchive(
    id: SessionId,
    documents: readonly ArchiveDocument[],
    to: string | ArchiveSink,
    options: { readonly replace: boolean; readonly about: object; readonly signal?: AbortSignal },
  ): Promise<ArchiveReport>;
}

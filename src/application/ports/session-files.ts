import type { Agent } from '../../domain/agent.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { MaintenanceFiles } from './maintenance.ts';
import type { MessageJournal } from './messages.ts';

export type OutputStream = 'stdout' | 'stderr';

/** Where things lie from the agent's own point of view: for its prompt and environment, never to be opened by MAOS. */
export interface AgentLocations {
  /** The session's folder: artifact paths are relative to it. */
  readonly session: string;
  /** The folder that the session was started in: what its agents work on. */
  readonly projectRoot: string;
  /** Current directory of the agent's process. */
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly sharedContext: string;
  readonly results: string;
  readonly messages: string;
}

export interface FoundFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  /** Reads the present content; null when the file is gone or unreadable by now, or the signal aborts first. */
  digest(signal?: AbortSignal): Promise<FileDigest | null>;
}

/** Of one content: a file that grows meanwhile has another size than the one it was found with. */
export interface FileDigest {
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** False when the file was written or replaced while it was read. */
  readonly isSteady: boolean;
}

export interface OutputPage {
  readonly bytes: Uint8Array;
  /** Offset of the first byte. */
  readonly start: number;
  /** Size of the whole stream now. */
  readonly size: number;
}

/** The files of sessions. Paths never leave this port but as text for people and agents. */
export interface SessionFiles {
  /** Makes the folders and `metadata.json`, and keeps the environment the session is started with; safe to repeat. */
  prepareSession(workflow: Workflow): Promise<void>;
  /**
   * What the session's agents inherit from: the environment it was started with, whoever runs it now. Secrets are never
   * kept: they are those of this process, and `missing` names the ones it does not have.
   */
  environment(id: SessionId): {
    readonly variables: Readonly<Record<string, string>>;
    readonly missing: readonly string[];
  };
  /** Makes the agent's folders and `prompt.md`; safe to repeat. */
  prepareAgent(agent: Agent, prompt: string): Promise<void>;
  /** Writes the agent's `info.json`, for people and tools. */
  writeInfo(agent: Agent): Promise<void>;
  writeMetadata(workflow: Workflow): Promise<void>;
  /**
   * Brings session.log to the events given: appends those it does not have yet, mends a torn last line.
   * @throws MaosError INTERNAL when the first event it lacks is not among those given; then nothing is written
   */
  appendLog(sessionId: SessionId, events: readonly RecordedEvent[]): Promise<void>;
  /** `seq` of the last whole record in session.log; 0 for none. */
  lastLogged(sessionId: SessionId): Promise<number>;
  locations(session: Session, agent: Agent): AgentLocations;
  /**
   * Files in shared context and results. Links, special files and those that are mostly holes are passed over; of more than 10,000 the
   * topmost are given, and the log says so.
   * @param resultsOf names of the agents whose own results folders are looked into; all of them without it
   * @param onSkipped hears what is passed over although it should not be, for people
   */
  scanArtifacts(
    sessionId: SessionId,
    resultsOf?: ReadonlySet<string>,
    onSkipped?: (reason: string) => void,
  ): Promise<readonly FoundFile[]>;
  /** Name of the agent whose own results folder the path lies in; null elsewhere. */
  ownerByPath(path: string): string | null;
  /**
   * @param path relative to the session's folder, below shared/ or results/
   * @throws MaosError FORBIDDEN when it leads elsewhere, INVALID_INPUT when it is no file there,
   *   RESOURCE_LIMIT_EXCEEDED when the file is larger than `maxBytes`
   */
  readArtifact(sessionId: SessionId, path: string, maxBytes: number): Promise<Uint8Array>;
  /** `from` below zero counts from the end. Missing files read as empty. */
  readOutput(agent: Agent, stream: OutputStream, from: number, maxBytes: number): Promise<OutputPage>;
  /** Offset at which an attempt began in a stream (default: stdout); null for one that was not started. */
  outputStart(agent: Agent, attempt: number, stream?: OutputStream): Promise<number | null>;
  readonly maintenance: MaintenanceFiles;
  readonly messages: MessageJournal;
  /** When it last printed something; null when it has not, or its files are gone. */
  lastOutputAt(agent: Agent): Promise<string | null>;
  /** The session's folder, for people to read. */
  describe(sessionId: SessionId): string;
}

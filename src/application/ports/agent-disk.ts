import type { Agent } from '../../domain/agent.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';

export type OutputStream = 'stdout' | 'stderr';

/**
 * Where things lie from the agent's own point of view: texts for its prompt, environment and arguments, never to be
 * opened, split or joined by MAOS.
 */
export interface AgentLocations {
  /** Holds all that is shared and all results. */
  readonly session: string;
  /** The folder that the session was started in: what its agents work on. */
  readonly projectRoot: string;
  /** Current directory of the agent's process. */
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly sharedContext: string;
  readonly results: string;
  readonly messages: string;
  /** Of an artifact, by the path it was found under. */
  artifact(path: string): string;
}

export interface FoundFile {
  readonly path: string;
  /** Name of the agent whose own results folder it lies in; null elsewhere. */
  readonly owner: string | null;
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

/** What agents find at their place, and what they leave there. */
export interface AgentDisk {
  locations(session: Session, agent: Agent): AgentLocations;
  /** Makes ahead of its start what an agent needs there in any case. What fails is told by `prepare`; safe to repeat. */
  makeRoom(agent: Agent): Promise<void>;
  /** Makes the agent's folders, and brings its prompt to where its next start reads it; safe to repeat. */
  prepare(agent: Agent, prompt: string): Promise<void>;
  /** `from` below zero counts from the end. What was never printed reads as empty. */
  readOutput(agent: Agent, stream: OutputStream, from: number, maxBytes: number): Promise<OutputPage>;
  /** Offset at which an attempt began in a stream (default: stdout); null for one that was not started. */
  outputStart(agent: Agent, attempt: number, stream?: OutputStream): Promise<number | null>;
  /** When it last printed something; null when it has not, or its output is gone. */
  lastOutputAt(agent: Agent): Promise<string | null>;
  /**
   * Files in shared context and results. Links, special files and sparse files are skipped; of more
   * than 10,000 the topmost are given, and the log says so.
   * @param resultsOf names of the agents whose own results folders are looked into; all of them without it
   * @param onSkipped is told what was skipped although it should have been scanned, for people
   */
  scanArtifacts(
    sessionId: SessionId,
    resultsOf?: ReadonlySet<string>,
    onSkipped?: (reason: string) => void,
  ): Promise<readonly FoundFile[]>;
  /**
   * @param path as the file was found under: below shared/ or results/
   * @throws MaosError FORBIDDEN when it leads elsewhere, INVALID_INPUT when it is no file there,
   *   RESOURCE_LIMIT_EXCEEDED when the file is larger than `maxBytes`
   */
  readArtifact(sessionId: SessionId, path: string, maxBytes: number): Promise<Uint8Array>;
}

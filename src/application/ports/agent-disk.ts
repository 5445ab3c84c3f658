import type { Agent } from '../../domain/agent.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';

export type OutputStream = 'stdout' | 'stderr';

/**
 * Locations from the agent's point of view: texts for its prompt, environment and arguments, which MAOS must not open,
 * split or join.
 */
export interface AgentLocations {
  /** Contains everything shared and all results. */
  readonly session: string;
  /** The folder that the agent works on: its worktree if it has one, else the folder that the session was started in. */
  readonly projectRoot: string;
  /** Current directory of the agent's process. */
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly sharedContext: string;
  readonly results: string;
  readonly messages: string;
  /** The location of an artifact, by the path it was found under. */
  artifact(path: string): string;
}

export interface FoundFile {
  readonly path: string;
  /** Name of the agent whose results folder contains it; null elsewhere. */
  readonly owner: string | null;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  /** Reads the current content; null if the file is missing or unreadable, or the signal aborts first. */
  digest(signal?: AbortSignal): Promise<FileDigest | null>;
}

/** Of the content that was read: a file that is growing has a different size than when it was found. */
export interface FileDigest {
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** False if the file was written or replaced while it was read. */
  readonly isSteady: boolean;
}

export interface OutputPage {
  readonly bytes: Uint8Array;
  /** Offset of the first byte. */
  readonly start: number;
  /** Current size of the whole stream. */
  readonly size: number;
}

/** That a stream had grown to a size: whoever runs the agent notes it when it sees it. */
export interface OutputMark {
  readonly stream: OutputStream;
  /** In Unix milliseconds. */
  readonly at: number;
  /** Offset behind the output that was there. */
  readonly end: number;
}

/** At most one of exitCode and signal is null. */
export interface ProgramExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly at: string;
}

export interface OutputDigest {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The files that agents find at their location, and those that they leave there. */
export interface AgentDisk {
  locations(session: Session, agent: Agent): AgentLocations;
  /** Creates in advance what an agent always needs there. `prepare` reports failures; safe to repeat. */
  makeRoom(agent: Agent): Promise<void>;
  /**
   * Creates the agent's folders, and stores the prompt for its next start; safe to repeat. Renames what other agents have put
   * above its folder and its CLI would read as instructions.
   */
  prepare(agent: Agent, prompt: string): Promise<void>;
  /** The prompt of its last start, from its beginning; empty if there is none. */
  readPrompt(agent: Pick<Agent, 'id' | 'sessionId'>, maxBytes: number): Promise<OutputPage>;
  /**
   * Removes launch records and logs from the folder of a check that has not begun, and renames what tools of the check would
   * find above its checkout: only an agent can have written them.
   */
  clearCheck(agent: Agent, check: number): Promise<void>;
  /** What `clearCheck` would rename: after it, another agent has put that there while the check ran. Absolute paths. */
  plantedAbove(agent: Agent, check: number): Promise<readonly string[]>;
  /**
   * A negative `from` counts from the end. Output that was never printed reads as empty.
   * @param check the check of its work that printed it; default: its own program
   */
  readOutput(
    agent: Agent,
    stream: OutputStream,
    from: number,
    maxBytes: number,
    check?: number,
  ): Promise<OutputPage>;
  /** Of everything that a check printed so far: stdout, then stderr. Null if its logs are missing. */
  digestCheck(agent: Pick<Agent, 'id' | 'sessionId'>, check: number): Promise<OutputDigest | null>;
  /** Where the logs of a check are: a text for people. */
  checkLocation(agent: Pick<Agent, 'id' | 'sessionId'>, check: number): string;
  /** Offset at which an attempt began in a stream (default: stdout); null if it was not started. */
  outputStart(agent: Agent, attempt: number, stream?: OutputStream): Promise<number | null>;
  /** How the program of an attempt ended; null if there is no record of it, as when a later attempt replaced it. */
  programExit(agent: Agent, attempt: number): Promise<ProgramExit | null>;
  /** When it last printed something, or a check did; null if it never did, or its output is gone. */
  lastOutputAt(
    agent: Agent,
    of?: { readonly stream?: OutputStream; readonly check?: number | undefined },
  ): Promise<string | null>;
  /**
   * Tells when output was seen, in order. Output that no MAOS has watched has no mark.
   * @param from where to begin: 0, or `next` of the previous call; it stays the same while there are no more
   */
  outputMarks(
    agent: Agent,
    from: number,
    check?: number,
  ): Promise<{ readonly marks: readonly OutputMark[]; readonly next: number }>;
  /** Whether the logs of an agent that was started are still there. */
  hasOutput(agent: Agent): Promise<boolean>;
  /**
   * Files in shared context and results. Skips links, special files and sparse files. Of more than 10,000 files it
   * returns those nearest the top, and logs that.
   * @param resultsOf names of the agents whose results folders to scan; default: all
   * @param onSkipped receives what was skipped although it should have been scanned, for people
   */
  scanArtifacts(
    sessionId: SessionId,
    resultsOf?: ReadonlySet<string>,
    onSkipped?: (reason: string) => void,
  ): Promise<readonly FoundFile[]>;
  /**
   * @param path as the file was found under: below shared/ or results/
   * @throws MaosError FORBIDDEN when it leads elsewhere, INVALID_INPUT when there is no such file,
   *   RESOURCE_LIMIT_EXCEEDED when the file is larger than `maxBytes`
   */
  readArtifact(sessionId: SessionId, path: string, maxBytes: number): Promise<Uint8Array>;
}

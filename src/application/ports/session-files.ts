import type { Agent } from '../../domain/agent.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { MaintenanceFiles } from './maintenance.ts';
import type { MessageJournal } from './messages.ts';

/** The files that MAOS itself writes about sessions. Paths leave this port only as text for people. */
export interface SessionFiles {
  /** Creates the folders and `metadata.json`, and stores the environment that the session starts with; safe to repeat. */
  prepareSession(workflow: Workflow): Promise<void>;
  /**
   * The environment that the session's agents inherit from: the one it was started with, whoever owns it now. Secrets
   * are never stored: they come from this process, and `missing` names those that it lacks.
   */
  environment(id: SessionId): {
    readonly variables: Readonly<Record<string, string>>;
    readonly missing: readonly string[];
  };
  /** Writes the agent's `info.json`, for people and tools. */
  writeInfo(agent: Agent): Promise<void>;
  writeMetadata(workflow: Workflow): Promise<void>;
  /**
   * Brings session.log up to date: appends the given events that it lacks, and repairs a torn last line.
   * @throws MaosError INTERNAL when the first missing event is not given; then nothing is written
   */
  appendLog(sessionId: SessionId, events: readonly RecordedEvent[]): Promise<void>;
  /** `seq` of the last complete record in session.log; 0 for none. */
  lastLogged(sessionId: SessionId): Promise<number>;
  readonly maintenance: MaintenanceFiles;
  readonly messages: MessageJournal;
  /** The path of the session's folder, or of a file in it, for people. @param path as of an artifact */
  describe(sessionId: SessionId, path?: string): string;
}

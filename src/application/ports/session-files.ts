import type { Agent } from '../../domain/agent.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { MaintenanceFiles } from './maintenance.ts';
import type { MessageJournal } from './messages.ts';

/** What MAOS itself writes about sessions. Paths never leave this port but as text for people. */
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
  readonly maintenance: MaintenanceFiles;
  readonly messages: MessageJournal;
  /** The session's folder, or a file in it, for people to read. @param path as an artifact's */
  describe(sessionId: SessionId, path?: string): string;
}

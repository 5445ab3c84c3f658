import type { AcpEvent, AgentManifest, Message, Run, RunStatus } from './schemas.ts';

/** Provides agents and their runs: MAOS's roles, or another source with the same events. */
export interface RunSource {
  agents(): Promise<readonly AgentManifest[]>;
  has(agent: string): Promise<boolean>;
  /**
   * Starts a run. When this settles, the run is as durable as the source makes it. Runs of one session are started one
   * after the other.
   * @param agent a name from {@link agents}
   * @param sessionId a UUID in lower case
   */
  start(agent: string, input: readonly Message[], sessionId: string): Promise<RunHandle>;
  /** @param id a UUID in lower case */
  find(id: string): Promise<RunHandle | null>;
  /** The runs of an ACP session, oldest first; empty for an unknown one. */
  ofSession(sessionId: string): Promise<readonly RunHandle[]>;
}

/** A run is the sequence of its events; it only ever grows at the end. */
export interface RunHandle {
  readonly id: string;
  readonly input: readonly Message[];
  current(): Promise<Run>;
  /** Its events after the first `skip`: with a signal, also future ones until it aborts; without, only existing ones. */
  events(skip: number, signal: AbortSignal | null): AsyncIterable<AcpEvent>;
  /** Requests cancellation. @throws AcpError 403 when the run has ended */
  cancel(): Promise<void>;
  /** Resumes an awaiting run. @throws AcpError 403 when it is not awaiting, 422 for a message that cannot be passed on */
  resume(message: Message): Promise<void>;
}

/** Whether the run stays in this state until the next request. */
export function isSettled(status: RunStatus): boolean {
  return status === 'awaiting' || isOver(status);
}

export function isOver(status: RunStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** After this event the run emits nothing until the next request. */
export function isLast(event: AcpEvent): boolean {
  return 'run' in event && isSettled(event.run.status);
}

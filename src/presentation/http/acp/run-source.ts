import type { AcpEvent, AgentManifest, Message, Run, RunStatus } from './schemas.ts';

/** Where agents and their runs come from: MAOS's roles, or something else that keeps to the same events. */
export interface RunSource {
  agents(): Promise<readonly AgentManifest[]>;
  /** Whether {@link agents} has one of that name. */
  has(agent: string): Promise<boolean>;
  /**
   * Starts a run; when it comes back, the run is as durable as the source makes it. Those of one session are started one
   * after the other.
   * @param agent a name of {@link agents}
   * @param sessionId a UUID in lower case
   */
  start(agent: string, input: readonly Message[], sessionId: string): Promise<RunHandle>;
  /** @param id a UUID in lower case */
  find(id: string): Promise<RunHandle | null>;
  /** The runs of an ACP session, oldest first; empty for one there is not. */
  ofSession(sessionId: string): Promise<readonly RunHandle[]>;
}

/** One run. A run is the sequence of its events, which never changes but at its end. */
export interface RunHandle {
  readonly id: string;
  readonly input: readonly Message[];
  /** As it stands. */
  current(): Promise<Run>;
  /**
   * Its events after the first `skip`. With a signal also those to come, until it aborts; without, those there are.
   */
  events(skip: number, signal: AbortSignal | null): AsyncIterable<AcpEvent>;
  /** Asks for it to end. @throws AcpError 403 when it has */
  cancel(): Promise<void>;
  /** Lets an awaiting run go on. @throws AcpError 403 when it awaits nothing, 422 for a message it cannot pass on */
  resume(message: Message): Promise<void>;
}

/** Nothing more happens in it by itself. */
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

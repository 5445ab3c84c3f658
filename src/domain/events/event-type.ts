import type { Agent } from '../agent.ts';
import type { PhaseState } from '../orchestration.ts';
import type { Session } from '../session.ts';

/** Readers that see only some events: followers of a call's progress, and readers of a run's lines. */
export type EventReader = 'progress' | 'lines';

/** The definition of one type of event. */
export interface EventDescriptor<Data> {
  /** A few words for people, printed after the agent's name. */
  readonly text: (data: Data) => string;
  /** The readers that do not see it. */
  readonly hiddenFrom?: readonly EventReader[];
  /** Causes a checkpoint. */
  readonly checkpoint?: true;
  /**
   * The change that the event made to the session, its phase or its agent. Applied to a checkpoint that was written
   * before the event. `agent` of a session's event applies to every agent.
   */
  readonly session?: (session: Session, data: Data, at: string) => Session;
  readonly phase?: PhaseState;
  readonly agent?: (agent: Agent, data: Data, at: string) => Agent;
  /** Converts the stored data of any version to this version. Leaves the data of this version unchanged. */
  readonly upcast?: (stored: Readonly<Record<string, unknown>>) => Data;
  /** Further fields that earlier versions published to programs; still published for compatibility. */
  readonly published?: (data: Data) => Readonly<Record<string, unknown>>;
}

/** Sets the data type of an event, so that the compiler checks its functions. */
export function event<Data>(descriptor: EventDescriptor<Data>): EventDescriptor<Data> {
  return descriptor;
}

export type DataOf<Descriptor> = Descriptor extends EventDescriptor<infer Data> ? Data : never;

/** For events without data. */
export type Nothing = Record<string, never>;

import type { Agent } from '../agent.ts';
import type { PhaseState } from '../orchestration.ts';
import type { Session } from '../session.ts';

/** Readers of some events only: those who follow a call's progress, and those who read a run's lines later. */
export type EventReader = 'progress' | 'lines';

/** The definition of one type of event. */
export interface EventDescriptor<Data> {
  /** What happened, in a few words; the agent's name is printed before them. */
  readonly text: (data: Data) => string;
  /** Who is not told of it. */
  readonly hiddenFrom?: readonly EventReader[];
  /** A checkpoint is due after it. */
  readonly checkpoint?: true;
  /** What it did to the session, to its phase, to its agent: what a checkpoint from before it does not know yet.
   * `agent` of a session's event: to each of its agents. */
  readonly session?: (session: Session, data: Data, at: string) => Session;
  readonly phase?: PhaseState;
  readonly agent?: (agent: Agent, data: Data, at: string) => Agent;
  /** What an event of an earlier version carried, as what it carries now. Given what is of this version, it changes nothing. */
  readonly upcast?: (stored: Readonly<Record<string, unknown>>) => Data;
  /** What programs outside were told besides by earlier versions, and still are. */
  readonly published?: (data: Data) => Readonly<Record<string, unknown>>;
}

/** Names the type of the data, and checks the rest against it. */
export function event<Data>(descriptor: EventDescriptor<Data>): EventDescriptor<Data> {
  return descriptor;
}

export type DataOf<Descriptor> = Descriptor extends EventDescriptor<infer Data> ? Data : never;

/** For events without data. */
export type Nothing = Record<string, never>;

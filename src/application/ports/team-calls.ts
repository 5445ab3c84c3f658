/** What a program of an agent on another machine asks of its team. */
export type TeamAsk =
  /** A tool of the team's server. */
  | { readonly type: 'tool'; readonly name: string; readonly input: unknown }
  /** A command of maos, with its words and what it reads. */
  | {
      readonly type: 'command';
      readonly args: readonly string[];
      readonly stdin: string;
      /** The folder that it was called in, relative to the agent's folder; empty: the agent's folder itself. */
      readonly folder: string;
    };

export interface TeamCall {
  /** A ULID. What the call creates gets this id, so that it is created once, however often the call is carried out. */
  readonly id: string;
  readonly ask: TeamAsk;
}

export type TeamOutcome =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  /** The outcome of a command. */
  | { readonly type: 'exit'; readonly status: number; readonly stdout: string; readonly stderr: string };

export interface TeamAnswer {
  /** Id of the call. */
  readonly call: string;
  readonly outcome: TeamOutcome;
}

/**
 * Does what a call asks.
 * @param env the variables of the agent that asks
 * @param signal aborts when nobody waits for it any more
 */
export type CarryOut = (
  env: Readonly<Record<string, string>>,
  call: TeamCall,
  signal: AbortSignal,
) => Promise<TeamOutcome>;

/** Where programs of an attempt leave their calls, and find the answers. */
export interface CallBox {
  /** Creates it. @returns where it is, for the environment of the programs */
  open(): string;
  /** Calls without an answer, and ids of calls whose programs no longer wait. */
  look(): Promise<{ readonly calls: readonly TeamCall[]; readonly withdrawn: readonly string[] }>;
  /** The first answer to a call stands. */
  answer(answer: TeamAnswer): Promise<void>;
  /** Removes a withdrawn call, once the home knows of it. */
  forget(id: string): Promise<void>;
  /** Calls the listener when there may be something new. */
  watch(listener: () => void): () => void;
}

/** Largest call and answer, as JSON. */
export const maxCallBytes = 400_000;

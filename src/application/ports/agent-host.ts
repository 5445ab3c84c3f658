import type { Agent } from '../../domain/agent.ts';
import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { AgentDisk } from './agent-disk.ts';
import type { HostCapacity } from './host-capacity.ts';

/** One start of one agent. The same key never runs twice. */
export interface LaunchKey {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
}

/** What to run, as a backend composed it. */
export interface LaunchSpec {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to (and, when null, removed from) the environment the host gives every agent. */
  readonly env: Readonly<Record<string, string | null>>;
  /** Contents of files that the host makes for this start, by the variable that tells the program where each is. */
  readonly files?: Readonly<Record<string, string>>;
  /** 'stream': the prompt, then what {@link RunningAgent.send} appends, until {@link RunningAgent.closeInput}. */
  readonly stdin: 'prompt' | 'none' | 'stream';
}

/** What a running program is told. */
export interface InputEntry {
  /** Unique in its attempt: 1 to 128 letters, digits, '.', '-' and '_'. The prompt has 'prompt'. */
  readonly id: string;
  /** Given to the program as they are, at most 4 MiB; a program that reads lines needs the end of the last one. */
  readonly bytes: Uint8Array;
}

/** A launch, and the current folder it begins in. */
export interface PlacedLaunch extends LaunchSpec {
  readonly cwd: string;
  /** What it inherits from; default: the environment of this process. */
  readonly inherits?: Readonly<Record<string, string>>;
}

export type AgentEnd =
  /** At most one of exitCode and signal is null. */
  | {
      readonly how: 'exited';
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly at: string;
      /** It left processes behind, and they were ended. */
      readonly strays?: StopReport;
    }
  /** Gone without a record of how it ended. */
  | { readonly how: 'lost'; readonly at: string }
  /** It was never started, and the launch can never start any more. */
  | { readonly how: 'never_started'; readonly at: string };

export interface StopReport {
  readonly signals: readonly string[];
  /** Processes of the agent that could not be ended; 0 is the promise. */
  readonly survivors: number;
  readonly tookMs: number;
  /** Command lines of the first of those that were ended, cut, with their pids; for people. */
  readonly processes?: readonly string[];
}

/** The follower of an agent. */
export interface OutputSink {
  /** Its stdout in order, without gap or repeat, from the first byte. */
  stdout(chunk: Uint8Array): void;
  /** How many bytes its attempt printed in all, stdout and stderr together; called once, at its end. */
  printed?(bytes: number): void;
  /** Asked before every signal to its processes: false once another MAOS owns it. */
  isOwned(): boolean;
}

/** What an agent's whole process tree uses. */
export interface ResourceSample {
  /** CPU time since its start, user and system, also of processes that have ended; never falls. */
  readonly cpuMs: number;
  /** Resident sets: pages that processes share are counted for each, so it is never too little. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** Printed by this attempt so far, stdout and stderr together. */
  readonly outputBytes: number;
}

export interface RunningAgent {
  /** For people, the log and the event; only its host reads more of it than the label. */
  readonly location: AgentLocation;
  /** Why nothing can be done about its processes from here, and what tells of its end; absent where all can. */
  readonly unreachable?: string;
  /** What is not as usual about it, though all can be done; for people. */
  readonly note?: string;
  /** Settles once its output has been delivered to the end and none of its processes is left. */
  readonly ended: Promise<AgentEnd>;
  /** Politely first, by force after `graceMs`, then proof. Safe to repeat. */
  stop(graceMs: number): Promise<StopReport>;
  /**
   * Suspends all its processes until {@link resume}, also when this MAOS ends; a stop still works, and the
   * end of what is killed meanwhile is told at once. Safe to repeat.
   * @throws MaosError INTERNAL when some could not be suspended
   */
  suspend(): Promise<void>;
  /** Also if another process suspended it. Safe to repeat. */
  resume(): Promise<void>;
  /**
   * Appends to what its program reads from stdin, where its launch said 'stream'. Settles once that is stored: then the
   * program gets it, in the order of the calls and once, also when this MAOS ends; unless the program ends first. An
   * entry whose id is there already is not appended again: whoever does not know whether it was, sends it once more.
   * @throws MaosError INVALID_TRANSITION when it takes no input (any more) or another MAOS owns it; INVALID_INPUT,
   *   RESOURCE_LIMIT_EXCEEDED when the entry is not valid or there is no room for it: then none of it is given
   */
  send(entry: InputEntry): Promise<void>;
  /** Its program reads the end of its input after what was sent. Safe to repeat. @throws as for {@link send} */
  closeInput(): Promise<void>;
  /** Null when nothing can be told: it has ended, or the platform does not say. */
  sample(): Promise<ResourceSample | null>;
  /**
   * Bytes of memory its processes use, pages that they share counted once where the platform can tell. Takes some
   * milliseconds a process; null as for {@link sample}.
   */
  memory(): Promise<number | null>;
}

/** Path of a program at the place where the agent runs; the message of its error says what is wrong with it. */
export type ProgramLookup = (name: string) => Promise<string>;

/**
 * Where agents run: a machine, with all that is its own. Above this port nobody knows a process or a path of it: only
 * the host acts on processes, and what it tells of places are texts for agents and people.
 */
export interface AgentHost extends AgentDisk {
  readonly capacity: HostCapacity;
  /**
   * Fast; starts no process.
   * @param name a path, or a name to be looked for as the agent's own PATH says
   * @param inherits as for {@link PlacedLaunch.inherits}
   * @throws MaosError SPAWN_FAILED; `details.reason` is 'not_found', 'directory' or 'not_executable'
   */
  findProgram(name: string, inherits?: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** @throws MaosError SPAWN_FAILED */
  start(key: LaunchKey, agent: Agent, spec: PlacedLaunch, sink: OutputSink): Promise<RunningAgent>;
  /**
   * Follows an agent started earlier, by this or another instance; its output is delivered from the first byte. A launch
   * without a trace is fenced: it can never start any more, and `ended` has settled with `never_started` when this returns.
   * Safe while {@link start} is still at the same key: one of them decides whether the program runs.
   */
  attach(key: LaunchKey, agent: Agent, sink: OutputSink): Promise<RunningAgent>;
}

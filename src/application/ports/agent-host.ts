import type { Agent } from '../../domain/agent.ts';
import type { AgentLocation } from '../../domain/agent-location.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { AgentDisk } from './agent-disk.ts';
import type { HostCapacity } from './host-capacity.ts';
import type { WorkStart } from './workspaces.ts';

/** One start of one agent, or of a check of its work. The same key never runs twice. */
export interface LaunchKey {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
  /** The number of the check, unique for the agent; missing: the agent's own program. */
  readonly check?: number;
}

/** What to run, as composed by a backend. */
export interface LaunchSpec {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment that the host gives every agent; null removes a variable. */
  readonly env: Readonly<Record<string, string | null>>;
  /** Contents of files that the host creates for this start, by the environment variable for each path. */
  readonly files?: Readonly<Record<string, string>>;
  /** 'stream': the prompt, then what {@link RunningAgent.send} appends, until {@link RunningAgent.closeInput}. */
  readonly stdin: 'prompt' | 'none' | 'stream';
  /** For 'stream': the first entry, unless it is the content of the prompt's file. */
  readonly firstInput?: Uint8Array;
}

/** Input for a running program. */
export interface InputEntry {
  /** Unique in its attempt: 1 to 128 letters, digits, '.', '-' and '_'. The prompt has the id 'prompt'. */
  readonly id: string;
  /** Passed to the program unchanged, at most 4 MiB; for a program that reads lines, end the last one. */
  readonly bytes: Uint8Array;
}

/** A launch with its current folder. */
export interface PlacedLaunch extends LaunchSpec {
  readonly cwd: string;
  /** The environment that it inherits from; default: that of this process. */
  readonly inherits?: Readonly<Record<string, string>>;
}

/** What an agent on another machine is to do; how it is run is decided there. */
export interface OrderedLaunch {
  readonly session: Session;
  readonly agent: Agent;
  /** Names folders as the host has them. */
  readonly prompt: string;
  /** The conversation to resume on a machine that has it, with the prompt for that; null: there is none to resume. */
  readonly resume: { readonly conversation: string; readonly prompt: string } | null;
  /** The role's working instructions. */
  readonly briefing: string;
  /** As in `LaunchContext`. */
  readonly maxSubagents: number | null;
  /** Where its worktree begins; null: it has none. */
  readonly start: WorkStart | null;
}

export type AgentEnd =
  /** At most one of exitCode and signal is null. */
  | {
      readonly how: 'exited';
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly at: string;
      /** Set when it left processes behind, which were ended. */
      readonly strays?: StopReport;
    }
  /** Ended without a record of how. */
  | { readonly how: 'lost'; readonly at: string }
  /** It was never started, and the launch can never start any more. */
  | { readonly how: 'never_started'; readonly at: string };

export interface StopReport {
  readonly signals: readonly string[];
  /** Number of the agent's processes that could not be ended; guaranteed to be 0 otherwise. */
  readonly survivors: number;
  readonly tookMs: number;
  /** Command lines of the first ended processes, shortened, with their pids; for people. */
  readonly processes?: readonly string[];
}

/** A limit for which whoever runs an agent has ended it. */
export interface LimitReached {
  readonly failure: 'timeout' | 'memory_limit' | 'budget_exceeded';
  /** The measured value and the limit, and what to do next. */
  readonly explanation: string;
}

/** What becomes known of an agent on another machine, besides its output. */
export type HostNews =
  | { readonly type: 'unreachable'; readonly reason: string }
  /** It is reachable again. */
  | { readonly type: 'reached' }
  /** No host can take it, for this reason. */
  | { readonly type: 'waiting'; readonly reason: string }
  /** A report about an attempt that was given up, which changes nothing. */
  | { readonly type: 'late'; readonly fact: 'spawned' | 'ended'; readonly said: string };

/** Receives an agent's output. */
export interface OutputSink {
  /** stdout in order, complete and without repetition, from the first byte. */
  stdout(chunk: Uint8Array): void;
  /** Total bytes that the attempt printed, stdout and stderr together; called once, at its end. */
  printed?(bytes: number): void;
  /** Its machine has ended it for this limit. */
  limited?(limit: LimitReached): void;
  /** Receives what becomes known of an agent on another machine, besides its output. */
  news?(news: HostNews): void;
  /** Called before every signal to its processes: false once another MAOS owns it. */
  isOwned(): boolean;
}

/** What an agent's whole process tree uses. */
export interface ResourceSample {
  /** User and system CPU time since its start, including ended processes; never falls. */
  readonly cpuMs: number;
  /** Sum of the resident sets: shared pages count once per process, so it is never too low. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** Output of this attempt so far, stdout and stderr together. */
  readonly outputBytes: number;
}

export interface RunningAgent {
  /** For people, the log and events; only the host interprets more than the label. */
  readonly location: AgentLocation;
  /** Why its processes cannot be controlled from here, and what will report its end; missing if they can. */
  readonly unreachable?: string;
  /** A peculiarity, although everything can be controlled; for people. */
  readonly note?: string;
  /** Settles when its output has been delivered completely and none of its processes is left. */
  readonly ended: Promise<AgentEnd>;
  /** It was to resume a conversation that its machine does not have. */
  readonly beganAfresh?: boolean;
  /** Whether its program reads what {@link send} appends. */
  readonly takesInput: boolean;
  /** Whether everything has been delivered that its program printed before this MAOS attached to it. */
  isCaughtUp(): boolean;
  /** Asks the processes to end, uses force after `graceMs`, and verifies that none is left. Safe to repeat. */
  stop(graceMs: number): Promise<StopReport>;
  /**
   * Suspends all its processes until {@link resume}, even after this MAOS has ended. A stop still works, and the end of
   * a process killed meanwhile is reported immediately. Safe to repeat.
   * @throws MaosError INTERNAL when some could not be suspended
   */
  suspend(): Promise<void>;
  /** Also if another process suspended it. Safe to repeat. */
  resume(): Promise<void>;
  /**
   * Appends to its program's stdin, if it was launched with 'stream'. Settles when the entry is stored: then the
   * program receives it once, in call order, even after this MAOS has ended, unless the program ends first. An entry
   * with a known id is not appended again, so that a caller who does not know whether it was stored can repeat it.
   * @throws MaosError INVALID_TRANSITION when it takes no input (any more) or another MAOS owns it; INVALID_INPUT,
   *   RESOURCE_LIMIT_EXCEEDED when the entry is invalid or there is no room for it: then nothing of it is passed on
   */
  send(entry: InputEntry): Promise<void>;
  /** Ends the program's input after what was sent. Safe to repeat. @throws as for {@link send} */
  closeInput(): Promise<void>;
  /** Null when it has ended, or there is no recent data. An object that was returned before says nothing new. */
  sample(): Promise<ResourceSample | null>;
  /**
   * Memory of its processes in bytes, with shared pages counted once if the platform supports that. Takes some
   * milliseconds per process; null as for {@link sample}.
   */
  memory(): Promise<number | null>;
}

/** Finds a program's path where the agent runs; the error says what is wrong with the program. */
export type ProgramLookup = (name: string) => Promise<string>;

/**
 * Where agents run: a machine with everything on it. Only the host acts on processes and knows paths; beyond this port,
 * locations are texts for agents and people.
 */
export interface AgentHost extends AgentDisk {
  readonly capacity: HostCapacity;
  /**
   * Fast; starts no process.
   * @param name a path, or a name to look up in the agent's own PATH
   * @param inherits as for {@link PlacedLaunch.inherits}
   * @throws MaosError SPAWN_FAILED; `details.reason` is 'not_found', 'directory' or 'not_executable'
   */
  findProgram(name: string, inherits?: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** @throws MaosError SPAWN_FAILED */
  start(key: LaunchKey, agent: Agent, spec: PlacedLaunch, sink: OutputSink): Promise<RunningAgent>;
  /** As {@link start}, for an agent of a pool. Settles when another machine has started it. @throws MaosError SPAWN_FAILED */
  order?(key: LaunchKey, order: OrderedLaunch, sink: OutputSink): Promise<RunningAgent>;

  /** Removes what an ended session has left on its way to and from other machines. May be repeated. */
  forget?(id: SessionId): Promise<void>;
  /**
   * Follows an agent that this or another instance started; its output is delivered from the first byte. A launch
   * without a trace is fenced: it can never start, and `ended` has settled with `never_started` when this returns. Safe
   * while {@link start} is running for the same key: one of them decides whether the program runs.
   */
  attach(key: LaunchKey, agent: Agent, sink: OutputSink): Promise<RunningAgent>;
}

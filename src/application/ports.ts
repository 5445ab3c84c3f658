import type { Agent, FailureKind, PermissionDenials } from '../domain/agent.ts';
import type { Budget } from '../domain/budget.ts';
import type { RecordedEvent } from '../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../domain/ids.ts';
import type { Progress } from '../domain/orchestration.ts';
import type { QuotaPolicy } from '../domain/quota.ts';
import type { Session, SessionState } from '../domain/session.ts';
import type { Usage } from '../domain/usage.ts';
import type { AgentOutcome, Change, Workflow } from '../domain/workflow.ts';
import type { AcpRunRecord, AcpRunStore } from './acp-ports.ts';
import type { FeedStore } from './feed-ports.ts';
import type { KeepingFiles, KeepingStore, RetentionPolicy } from './keeping-ports.ts';
import type { MessageJournal, MessageStore } from './message-ports.ts';

/** What the application needs from the world. Adapters are made in `project-adapters.ts` and `maos-runtime.ts`. */

export interface Clock {
  /** ISO 8601 UTC with milliseconds and `Z`. */
  now(): string;
  /** For durations: milliseconds since some fixed time, of which neither sleep nor a change of the machine's clock counts. */
  elapsedMs(): number;
  /** Runs the callback once; the returned function calls it off. Does not keep the process alive by itself. */
  after(ms: number, callback: () => void): () => void;
}

export interface IdSource {
  /** 26 characters, sortable by time, monotonic within the process. */
  ulid(): string;
  /** Six random characters of a-z and 0-9. */
  suffix(): string;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Structured, to disk; `fields` must be JSON. Never stdout. */
export interface Log {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

// ---------------------------------------------------------------- storage

/** The right to change a session, held by one instance at a time. `epoch` grows with every new owner. */
export interface Lease {
  readonly sessionId: SessionId;
  readonly owner: InstanceId;
  readonly epoch: number;
}

/** What another process asked of a session's owner. */
export interface SessionRequest {
  readonly sessionId: SessionId;
  /** Null: the session as a whole. */
  readonly agentId: AgentId | null;
  /** `pending` is asked of an agent only: to run again. Of an agent only `pending` and `cancelled` are asked. */
  readonly desired: 'running' | 'paused' | 'cancelled' | 'pending';
  readonly reason: string;
}

export interface SessionSummary {
  readonly session: Session;
  readonly progress: Progress;
  readonly usage: Usage | null;
}

export interface ArtifactRecord {
  /** Relative to the session's folder, `/` between parts: `shared/context/spec.md`, `results/reviewer/report.md`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** The agent that left it; null when several could have. */
  readonly by: AgentId | null;
  /** Names of the agents that could have left it. */
  readonly candidates: readonly string[];
  readonly recordedAt: string;
}

/** A session that should have an owner, and who that is. */
export interface UnfinishedSession {
  readonly sessionId: SessionId;
  readonly state: SessionState;
  readonly owner: InstanceId | null;
  /** When its owner last said that it lives; null without an owner. */
  readonly heartbeatAt: string | null;
  /** Its owner announced its exit, and the session's exit policy is to stop. */
  readonly exiting: boolean;
}

/**
 * Sessions of one project, durable. Every method is one transaction and durable when it returns.
 * All throw MaosError STORE_BUSY when another writer holds the database too long, STORE_CORRUPT when it is damaged.
 */
export interface SessionStore {
  /** Stores a new workflow with its events, owned by `owner`, and what it is a run of. */
  create(change: Change, owner: InstanceId, acpRun?: AcpRunRecord | null): Lease;
  /** @throws MaosError SESSION_NOT_FOUND */
  load(id: SessionId): Workflow;
  /**
   * Stores what differs between `previous` and `change.next`, the events and the artifacts, if the lease still holds.
   * Requests that an event of them answers are not asked any more; with the session's end none is.
   * @throws LeaseLost when another instance owns the session by now, RetryAsked when the session would complete or fail
   *   while a retry is asked of it; nothing is stored then
   */
  commit(
    lease: Lease,
    previous: Workflow,
    change: Change,
    artifacts?: readonly ArtifactRecord[],
  ): readonly RecordedEvent[];
  summary(id: SessionId): SessionSummary;
  /** The one stored last first, whatever the clock said. `before` is the id of the last session of the page before. */
  list(query: { state?: SessionState; limit: number; before?: SessionId }): readonly SessionSummary[];
  /** Ids that start or end with the text (without regard to the `sess_` in front), newest first, at most `limit`. */
  findSessions(text: string, limit: number): readonly SessionId[];
  findAgents(text: string, limit: number): readonly { sessionId: SessionId; agentId: AgentId }[];
  /** Events with `seq` above `after`, in order. */
  events(id: SessionId, after: number, limit: number): readonly RecordedEvent[];
  lastSeq(id: SessionId): number;
  /** The newest record of each path, by path. */
  artifacts(id: SessionId): readonly ArtifactRecord[];

  /**
   * Writes down what somebody wants of a session, with its events, for the owner to see.
   * @param requests all of the same session
   * @returns false when all of it was asked before, or is so, and nothing else was asked
   * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when it cannot come about any more: the
   *   session has ended, or an agent that is to run again neither failed nor was cancelled
   */
  request(requests: SessionRequest | readonly SessionRequest[], by: string, at: string): boolean;
  /** Requests waiting for sessions this instance owns. */
  requestsFor(owner: InstanceId): readonly SessionRequest[];
  /** Becomes the owner if nobody is, if the owner's heartbeat is older than `staleBefore`, or if it is `knownDead`. */
  acquire(
    id: SessionId,
    owner: InstanceId,
    when: { staleBefore: string; knownDead?: InstanceId },
  ): Lease | null;
  release(lease: Lease): void;
  /** Whether the lease is (still) the session's. */
  holds(lease: Lease): boolean;
  ownerOf(id: SessionId): InstanceId | null;
  /**
   * Sessions that have neither ended nor paused; and ended ones whose owner has not let go of them: it may have died
   * over their files.
   */
  unfinished(): readonly UnfinishedSession[];
  /** Sessions paused for quota until a time that has come by `at`. */
  dueForResume(at: string): readonly SessionId[];
  /** Writes that the owner lives. @returns the leases it holds now: what is missing has got another owner */
  heartbeat(owner: InstanceId, at: string): readonly Lease[];
  /** The owner is about to exit: those of its sessions that stop with it are marked, for whoever takes them over. */
  announceExit(owner: InstanceId): void;
  readonly keeping: KeepingStore;
  readonly messages: MessageStore;
  readonly feed: FeedStore;
  readonly acpRuns: AcpRunStore;
  /** A number that changes whenever another process has written (cheap: one pragma, no read). */
  dataVersion(): number;
  /**
   * Its file was moved, replaced or deleted: what it has can still be read, and every change is refused as STORE_CORRUPT,
   * until the file is back.
   */
  readonly isLost: boolean;
  close(): void;
}

/** Thrown by `commit` when the session has another owner: stand down, touch nothing. */
export class LeaseLost extends Error {
  readonly sessionId: SessionId;
  constructor(sessionId: SessionId) {
    super(`Session ${sessionId} is owned by another MAOS process by now.`);
    this.name = 'LeaseLost';
    this.sessionId = sessionId;
  }
}

/** Thrown by `commit` when somebody asked for a retry before the session's end was stored: it is to be heard first. */
export class RetryAsked extends Error {
  constructor(sessionId: SessionId) {
    super(`A retry was asked of session ${sessionId} before its end was stored.`);
    this.name = 'RetryAsked';
  }
}

/** How many agents run on this machine, over all MAOS processes. */
export interface AgentSlots {
  /** False when the machine's limit is reached. Taking a slot one already holds is true. */
  tryTake(agentId: AgentId, sessionId: SessionId, limit: number): boolean;
  give(agentId: AgentId): void;
  /** Tells where the agent runs, so that its slot lasts as long as it does, and not only as long as its MAOS. */
  bind(agentId: AgentId, where: RunningAgent['where']): void;
}

/** The MAOS processes of this machine. */
export interface Instances {
  /** Writes this process down, once; before it owns its first session. */
  announce(): Promise<void>;
  beat(at: string): void;
  /**
   * False when the process is gone for certain. One that cannot be seen from here (of another host, boot or process
   * namespace) counts as alive: only its lease tells. One that never announced itself owns nothing, and counts as gone.
   */
  isAlive(id: InstanceId): Promise<boolean>;
}

/** The machine agents run on. */
export interface Machine {
  /** Memory that can be used without swapping, in MiB. */
  freeMemoryMb(): number;
  /** All it has, in MiB. */
  totalMemoryMb(): number;
}

// ---------------------------------------------------------------- files

export type OutputStream = 'stdout' | 'stderr';

/** Where things lie from the agent's own point of view: for its prompt and environment, never to be opened by MAOS. */
export interface AgentLocations {
  /** The session's folder: artifact paths are relative to it. */
  readonly session: string;
  /** The folder that the session was started in: what its agents work on. */
  readonly projectRoot: string;
  /** Current directory of the agent's process. */
  readonly workingDirectory: string;
  readonly workspace: string;
  readonly sharedContext: string;
  readonly results: string;
  readonly messages: string;
}

export interface FoundFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  /** Reads the present content; null when the file is gone or unreadable by now, or the signal aborts first. */
  digest(signal?: AbortSignal): Promise<FileDigest | null>;
}

/** Of one content: a file that grows meanwhile has another size than the one it was found with. */
export interface FileDigest {
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** False when the file was written or replaced while it was read. */
  readonly isSteady: boolean;
}

export interface OutputPage {
  readonly bytes: Uint8Array;
  /** Offset of the first byte. */
  readonly start: number;
  /** Size of the whole stream now. */
  readonly size: number;
}

/** The files of sessions. Paths never leave this port but as text for people and agents. */
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
  /** Makes the agent's folders and `prompt.md`; safe to repeat. */
  prepareAgent(agent: Agent, prompt: string): Promise<void>;
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
  locations(session: Session, agent: Agent): AgentLocations;
  /**
   * Files in shared context and results. Links, special files and those that are mostly holes are passed over; of more than 10,000 the
   * topmost are given, and the log says so.
   * @param resultsOf names of the agents whose own results folders are looked into; all of them without it
   * @param onSkipped hears what is passed over although it should not be, for people
   */
  scanArtifacts(
    sessionId: SessionId,
    resultsOf?: ReadonlySet<string>,
    onSkipped?: (reason: string) => void,
  ): Promise<readonly FoundFile[]>;
  /** Name of the agent whose own results folder the path lies in; null elsewhere. */
  ownerByPath(path: string): string | null;
  /**
   * @param path relative to the session's folder, below shared/ or results/
   * @throws MaosError FORBIDDEN when it leads elsewhere, INVALID_INPUT when it is no file there,
   *   RESOURCE_LIMIT_EXCEEDED when the file is larger than `maxBytes`
   */
  readArtifact(sessionId: SessionId, path: string, maxBytes: number): Promise<Uint8Array>;
  /** `from` below zero counts from the end. Missing files read as empty. */
  readOutput(agent: Agent, stream: OutputStream, from: number, maxBytes: number): Promise<OutputPage>;
  /** Offset at which an attempt began in a stream (default: stdout); null for one that was not started. */
  outputStart(agent: Agent, attempt: number, stream?: OutputStream): Promise<number | null>;
  readonly keeping: KeepingFiles;
  readonly messages: MessageJournal;
  /** When it last printed something; null when it has not, or its files are gone. */
  lastOutputAt(agent: Agent): Promise<string | null>;
  /** The session's folder, for people to read. */
  describe(sessionId: SessionId): string;
}

// ---------------------------------------------------------------- agents

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
  readonly stdin: 'prompt' | 'none';
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

/** Whoever follows an agent. */
export interface OutputSink {
  /** Its stdout in order, without gap or repeat, from the first byte. */
  stdout(chunk: Uint8Array): void;
  /** How many bytes its attempt printed in all, stdout and stderr together; called once, at its end. */
  printed?(bytes: number): void;
  /** Asked before every signal to its processes: false once another MAOS looks after it. */
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
  /** The host's own description (a pid and its start time, a machine, …): for people, the log and the event. */
  readonly where: Readonly<Record<string, unknown>>;
  /** Settles once its output has been delivered to the end and none of its processes is left. */
  readonly ended: Promise<AgentEnd>;
  /** Politely first, by force after `graceMs`, then proof. Safe to repeat. */
  stop(graceMs: number): Promise<StopReport>;
  /**
   * All its processes stand still until {@link proceed}, also when this MAOS ends; a stop works all the same, and the
   * end of what is killed meanwhile is told at once. Safe to repeat.
   * @throws MaosError INTERNAL when some could not be made to stand still
   */
  suspend(): Promise<void>;
  /** Whoever suspended it. Safe to repeat. */
  proceed(): Promise<void>;
  /** Null when nothing can be told: it has ended, or the platform does not say. */
  sample(): Promise<ResourceSample | null>;
  /**
   * Bytes of memory its processes use, pages that they share counted once where the platform can tell. Takes some
   * milliseconds a process; null as for {@link sample}.
   */
  memory(): Promise<number | null>;
}

/** Where agents run. Only the host acts on their processes; what it stores of them is a description for others. */
export interface AgentHost {
  /** @throws MaosError SPAWN_FAILED */
  start(key: LaunchKey, agent: Agent, spec: PlacedLaunch, sink: OutputSink): Promise<RunningAgent>;
  /** Takes up an agent started earlier, by this or another MAOS; its output is delivered from the first byte. */
  attach(key: LaunchKey, agent: Agent, sink: OutputSink): Promise<RunningAgent>;
}

export type AgentActivity =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly tool: string; readonly detail: string }
  | { readonly type: 'tool_result'; readonly ok: boolean; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'result'; readonly ok: boolean; readonly text: string };

/** What the CLI itself said of the outcome. */
export interface Verdict {
  readonly ok: boolean;
  /** Why it failed, where the CLI told it in a way that can be relied on. */
  readonly kind: FailureKind | null;
  readonly message: string;
  /** When the provider will answer again, if it said so. */
  readonly retryAt: string | null;
  /** There is no such conversation (any more) as it was to go on with. */
  readonly isConversationGone?: true;
}

/** A result that a CLI gave and has not gone on after. */
export interface Answer {
  readonly text: string;
  /** What the CLI still runs in the background, in its own words. While there is any, it may go on with it. */
  readonly background: readonly string[];
}

/** What a backend knows of a run from its output so far. */
export interface ParsedRun {
  /**
   * Null while it has said nothing, and while an answer was given with work left in the background: then how its
   * process ended tells more.
   */
  readonly verdict: Verdict | null;
  /** The agent's final answer, when it gave one. */
  readonly result: string | null;
  readonly answer: Answer | null;
  readonly usage: Usage | null;
  readonly conversation: string | null;
  readonly turns: number;
  /** What it was not allowed to do; null when nothing was refused. */
  readonly denials: PermissionDenials | null;
}

/** Folds a CLI's output into activities. Memory stays bounded whatever the output is. */
export interface OutputParser {
  push(chunk: Uint8Array): readonly AgentActivity[];
  /** The output has ended: what was held back of an unfinished last line. */
  end(): readonly AgentActivity[];
  parsed(): ParsedRun;
}

export interface BackendProbe {
  readonly name: string;
  readonly available: boolean;
  readonly path: string | null;
  readonly version: string | null;
  readonly signedIn: 'yes' | 'no' | 'unknown';
  /** What is wrong and what to do; null when nothing is. */
  readonly problem: string | null;
}

export interface LaunchContext {
  readonly session: Session;
  readonly agent: Agent;
  /** The role's working instructions, for the CLI's system prompt. */
  readonly briefing: string;
  readonly locations: AgentLocations;
  /** The conversation to go on with; null to begin one. */
  readonly resume: string | null;
  /** What the agent inherits from; default: the environment of this process. */
  readonly inherits?: Readonly<Record<string, string>>;
}

/**
 * How text that others wrote stands in a prompt so that the CLI acts on nothing in it: it attaches no file, runs no
 * command, calls no agent.
 */
export interface PromptEscape {
  /** The text, changed as little as that takes; the CLI's model reads it as it is given. */
  apply(text: string): string;
  /** Tells the model how to read what was changed. */
  readonly legend: string;
}

/** One kind of agent CLI. A new one is a file that implements this and a line in `project-adapters.ts`. */
export interface Backend {
  readonly name: string;
  /** An interrupted run can be taken up again with its conversation. */
  readonly canResume: boolean;
  /** Null: its CLI takes a prompt as plain text, whatever it holds. */
  readonly promptEscape: PromptEscape | null;
  probe(): Promise<BackendProbe>;
  /**
   * Path of the CLI; fast, starts no process.
   * @throws MaosError BACKEND_UNAVAILABLE saying where it was looked for and how to get it
   */
  locate(): Promise<string>;
  /** @throws MaosError BACKEND_UNAVAILABLE, INVALID_INPUT */
  prepare(context: LaunchContext): Promise<LaunchSpec>;
  makeParser(): OutputParser;
  /** Why the run ended. Exit status 0 alone is not success unless the backend says so. */
  explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome;
}

/** Backends by name. @throws MaosError INVALID_INPUT for an unknown name, naming those that exist */
export interface Backends {
  get(name: string): Backend;
  readonly names: readonly string[];
}

// ---------------------------------------------------------------- settings

/** What the application reads of the configuration, already validated. */
export interface Settings {
  readonly defaultBackend: string;
  readonly maxConcurrentAgents: {
    readonly machine: number;
    readonly session: number | null;
    readonly role: number | null;
  };
  readonly maxDepth: number;
  /** Caps for agents and sessions that bring none of their own. */
  readonly budgets: { readonly agent: Budget; readonly session: Budget };
  readonly quota: QuotaPolicy & {
    /** A session that paused for quota goes on by itself when its time has come. */
    readonly autoResume: boolean;
  };
  readonly limits: {
    /** No output and no CPU for this long: stalled. Null: never. */
    readonly stallMs: number | null;
    /** Output of one agent, both streams together. */
    readonly maxOutputBytes: number | null;
    /** How long processes of an agent may remain after its result. Null: as long as its other limits let them. */
    readonly afterResultMs: number | null;
  };
  readonly retention: RetentionPolicy;
  readonly stopGraceMs: number;
  /** How long a change waits for other processes that write to the same database. */
  readonly storePatienceMs: number;
  /** Commands a client may have run over MCP or HTTP: exact lines, or patterns with `*`. */
  readonly allowCommands: readonly string[];
}

import type { MaosError } from '../domain/errors.ts';
import type { InstanceId, SessionId } from '../domain/ids.ts';
import type { OutsideWay } from '../domain/notification.ts';
import type { BackendCapabilities, BackendProbe } from './ports/backend.ts';
import type { HostReport } from './ports/fleet.ts';
import type { HttpServer, StoppedServer } from './ports/http-servers.ts';
import type { LogLevel } from './ports/log.ts';
import type { ParseText } from './ports/parsed-text.ts';
import type { FoundRoles, RoleSources } from './ports/roles.ts';
import type { SignIns } from './ports/sign-ins.ts';
import type { TcpConnection } from './ports/tcp-connection.ts';
import type { TeamAsk, TeamOutcome } from './ports/team-calls.ts';
import type { Project } from './project.ts';
import type { Supervisor } from './session/supervisor.ts';

/** A project with the supervisor of the sessions that this process owns in it. */
export interface SupervisedProject {
  readonly project: Project;
  readonly supervisor: Supervisor;
}

/** A project, opened from one of its folders. */
export interface OpenProject extends SupervisedProject {
  /** Canonical path of the caller's folder in the project; sessions started from it work there. */
  readonly folder: string;
}

/** The project that a folder belongs to. */
export interface ProjectReport {
  /**
   * Canonical path of the project: the top folder of the git repository that contains the folder, or the folder itself.
   */
  readonly path: string;
  /** The folder, if earlier versions kept sessions for it alone; null otherwise. */
  readonly former: string | null;
}

/** The result of checking a project's store. */
export interface StoreReport {
  /** The database file, for people. */
  readonly path: string;
  /** What is damaged and what to do; null if nothing is. */
  readonly problem: string | null;
}

/** Whether agents can work in worktrees of a folder's repository. */
export interface GitReport {
  /** Of the user's git: "2.43.0"; null if there is none, or one that is too old. */
  readonly version: string | null;
  readonly isRepository: boolean;
  /** Why they cannot, and what to do; null if they can. */
  readonly problem: string | null;
  /** Worktrees in this home whose sessions are gone. */
  readonly leftovers: readonly string[];
}

/** A project that could not be read: its database is damaged, lost, of a newer maos, or another program's. */
export interface UnreadProject {
  /** Its database, for people. */
  readonly file: string;
  /** Path of the project; null if not even that could be read. */
  readonly path: string | null;
  readonly error: MaosError;
}

/** A setting for display, without possible secrets. */
export interface SettingReport {
  readonly key: string;
  readonly value: unknown;
  /** Its source: 'default', a file, a variable, 'flag'. */
  readonly origin: string;
  readonly description: string;
  /** The values that it accepts, to follow "it must be". */
  readonly allowed: string;
}

/** The user's own settings file, or the one that MAOS keeps for a project. */
export type SettingScope = 'user' | 'project';

/** A MAOS instance of this machine, as shown by `maos instances`. */
export interface InstanceReport {
  readonly id: InstanceId;
  readonly pid: number;
  readonly version: string;
  /** Port of its HTTP server; null without HTTP. */
  readonly port: number | null;
  /** The folder that it works for. */
  readonly project: string;
  readonly startedAt: string;
  /** Sessions that it runs. */
  readonly sessions: readonly SessionId[];
  /**
   * `stale`: its last heartbeat is older than a lease, and it may lose its sessions. Its process exists, or is not
   * visible from here: in another container, or from before the machine was restarted. `gone`: it ended without
   * unregistering.
   */
  readonly state: 'alive' | 'stale' | 'gone';
}

/**
 * All processes of one agent on this machine, whoever started it. For the tools of this machine, unlike the host port.
 */
export interface AgentProcess {
  readonly agentId: string;
  /** The topmost process: the one recorded at its start, while it lives. */
  readonly pid: number;
  readonly startedAt: string;
  /** User and system CPU time. */
  readonly cpuMs: number;
  /** Percent of one processor during the measurement (200: two were busy); null without a measurement. */
  readonly cpuPercent: number | null;
  /** Sum of the resident sets; shared pages count once per process. */
  readonly memoryBytes: number;
  readonly processes: number;
  /** `suspended`: all of them are. `left_behind`: its program has ended without these. */
  readonly state: 'running' | 'suspended' | 'left_behind';
}

export type LogListener = (
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** How this machine works for other homes. */
export interface HostOptions {
  /** Of the NATS server; null: as in the settings. */
  readonly url: string | null;
  readonly pools: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Null: as many as the machine may run. */
  readonly slots: number | null;
  /** Null: that of the machine. */
  readonly name: string | null;
}

/** A host in the background. */
export interface StartedHost {
  readonly pid: number;
  readonly name: string;
  /** The path of its log. */
  readonly log: string;
}

/** A backend on this machine. */
export interface BackendReport extends BackendProbe {
  readonly capabilities: BackendCapabilities;
}

/**
 * The running MAOS, as the command line and the servers use it. Everything is opened on demand, so that a command pays
 * only for what it uses.
 */
export interface Runtime {
  readonly version: string;
  /** The folder of all state, for people. */
  readonly home: string;
  /** Loads the code that opening the first project needs, without opening anything. */
  prepare(): Promise<void>;
  /** @throws MaosError INVALID_INPUT when the path is not a folder */
  projectOf(path: string): Promise<ProjectReport>;
  /** Opens the project of a folder, creating its store if necessary. @throws MaosError INVALID_INPUT, STORE_… */
  openProject(path: string): Promise<OpenProject>;
  /** Opens the project of a folder only if its store exists; null otherwise. For commands that only read. */
  findProject(path: string): Promise<OpenProject | null>;
  /**
   * Every project with a store, most recently used first.
   * @param onUnread called with each project that cannot be read and is skipped; it is also logged
   * @throws MaosError FORBIDDEN … when the home cannot be read
   */
  allProjects(onUnread?: (project: UnreadProject) => void): AsyncIterable<OpenProject>;
  /** STORE_CORRUPT if a project's database is missing or empty although it has session folders; otherwise null. */
  lostStore(path: string): Promise<MaosError | null>;
  probeBackends(): Promise<readonly BackendReport[]>;
  /** The roles that apply in a folder; see {@link RoleSources}. @throws MaosError INVALID_INPUT */
  roles(path: string): Promise<FoundRoles>;
  settings(
    path: string,
  ): Promise<{ readonly settings: readonly SettingReport[]; readonly warnings: readonly string[] }>;
  /** Path of the settings file of the user, or of a folder's project; it may be missing. */
  settingsFile(path: string, scope: SettingScope): Promise<string>;
  /** The path and text of that file, whose folder is created if necessary; null: there is none yet. */
  openSettings(
    path: string,
    scope: SettingScope,
  ): Promise<{ readonly file: string; readonly text: string | null }>;
  /**
   * Replaces the whole text of that file.
   * @param edited.before the text that was edited; if the file has another one now, it is not replaced
   * @throws MaosError CONFIG_INVALID; then nothing is written
   */
  replaceSettings(
    path: string,
    scope: SettingScope,
    edited: { readonly before: string | null; readonly text: string },
  ): Promise<void>;
  /**
   * Changes one setting in a settings file, and keeps everything else.
   * @param change.text the new value as typed on a command line; null: remove the setting
   * @throws MaosError INVALID_INPUT, FORBIDDEN, CONFIG_INVALID; then nothing is written
   */
  changeSetting(
    path: string,
    scope: SettingScope,
    change: { readonly key: string; readonly text: string | null },
  ): Promise<{ readonly file: string; readonly changed: boolean }>;
  /** Loads the parsers when they are first needed. */
  readonly parseText: ParseText;
  /**
   * Detaches every session that this process owns to a background process, which outlives this one.
   * @param how `keep`: all of them run to completion there, regardless of their exit policies
   */
  detach(how?: 'keep'): Promise<void>;
  /**
   * Registers this process on the machine, and from now on adopts sessions without an owner in a folder's project. For
   * long-running processes.
   */
  watchProject(path: string): Promise<void>;
  /**
   * Starts a background process for the project's sessions without an owner, if there are any. For short-lived
   * processes.
   * @returns those sessions; empty if there are none, or if a process was started recently
   */
  adoptOrphans(project: Project): Promise<readonly SessionId[]>;
  /**
   * Adopts the sessions without an owner of the project with exactly this path: each continues or, if its owner
   * announced its exit, follows its exit policy. Settles when none is left.
   * @param from an instance whose exit to wait for; null: none
   */
  supervise(path: string, from: string | null): Promise<void>;
  /** MAOS instances of this machine, oldest first. Their sessions in projects that cannot be read are not included. */
  instances(onUnread?: (project: UnreadProject) => void): Promise<readonly InstanceReport[]>;
  /** Removes ended instances from the registry. */
  forgetInstances(ids: readonly InstanceId[]): Promise<void>;
  /**
   * Every agent with processes on this machine, across all projects, oldest first.
   * @param watchMs interval over which to measure CPU use; 0 (the default): not measured
   */
  agentProcesses(watchMs?: number): Promise<readonly AgentProcess[]>;
  /** Checks the whole store of a folder's project for damage; null if there is none. */
  checkStore(path: string): Promise<StoreReport | null>;
  checkGit(path: string): Promise<GitReport>;
  /** The current token of HTTP mode, created if necessary. @param change `rotate`: replace it */
  httpToken(change: 'keep' | 'rotate'): Promise<string>;
  /** Processes that serve HTTP for this home, of this version, newest first. */
  httpServers(): Promise<readonly HttpServer[]>;
  /** Starts one in the background, which outlives this process; settles when it listens. @throws MaosError SPAWN_FAILED */
  startHttpServer(path: string): Promise<HttpServer>;
  /** Ends those that {@link startHttpServer} started. Their sessions are detached. */
  stopHttpServers(): Promise<readonly StoppedServer[]>;
  /** Whether the other end of a connection is known to belong to another user of this machine. */
  isOtherUsers(connection: TcpConnection): Promise<boolean>;
  /** Whether a program of another user is known to listen on a port of 127.0.0.1. */
  hasOthersListener(port: number): Promise<boolean>;
  /** Browsers that are signed in to HTTP mode. Replacing the token ends all of them. */
  signIns(): Promise<SignIns>;
  /** Registers this process with its port, for `instances()`. */
  listening(path: string, port: number): Promise<void>;
  /**
   * Whether records of this level are written. After returning true for `trace`, records are written immediately and in
   * order.
   */
  logs(level: LogLevel): Promise<boolean>;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /**
   * Passes on all later log records except those of level `trace`, with secrets replaced.
   * @returns a function that stops it
   */
  watchLog(listener: LogListener): () => void;
  /** Sends a test by every command and webhook that is set for a folder. `problem`: why it failed; null: it did not. */
  testNotifications(
    path: string,
  ): Promise<readonly { readonly way: OutsideWay; readonly problem: string | null }[]>;
  /**
   * Runs agents of other homes until the signal aborts, which leaves them running, or until it is drained.
   * @param told receives what happens, for people
   * @throws MaosError INVALID_INPUT, BACKEND_UNAVAILABLE, INVALID_TRANSITION
   */
  runHost(options: HostOptions, told: (what: string) => void, signal: AbortSignal): Promise<void>;
  /**
   * Does the same in a process of its own; settles when it takes agents.
   * @throws MaosError as {@link runHost}, and SPAWN_FAILED
   */
  startHost(options: HostOptions): Promise<StartedHost>;
  /**
   * Has the home of an agent do what a program of it asks; waits as long as the home is away.
   * @param calls where the program leaves it, by its environment
   * @returns null when the signal has aborted
   */
  callTeam(calls: string, ask: TeamAsk, signal: AbortSignal): Promise<TeamOutcome | null>;
  /** Lets the host of this home finish its agents and end. */
  drainHost(): Promise<void>;
  /** The public key of the NATS user whose secret is in a file, which is made if it does not exist. @throws MaosError */
  natsKey(path: string): Promise<{ readonly publicKey: string; readonly isNew: boolean }>;
  /**
   * The hosts with a recent heartbeat, and the public key of this home; null: it has none.
   * @param url as in {@link HostOptions}
   */
  fleetHosts(
    url: string | null,
  ): Promise<{ readonly hosts: readonly HostReport[]; readonly home: string | null }>;
  /**
   * Gives notifications that are being sent a short time, and starts a process for those that remain. Call it only
   * before the end, because this process sends none afterwards.
   */
  finishNotifications(): Promise<void>;
  /** Releases stores and files; owned sessions must have ended or been detached. */
  close(): void;
}

import type { MaosError } from '../domain/errors.ts';
import type { InstanceId, SessionId } from '../domain/ids.ts';
import type { BackendCapabilities, BackendProbe } from './ports/backend.ts';
import type { LogLevel } from './ports/log.ts';
import type { FoundRoles, RoleSources } from './ports/roles.ts';
import type { Project } from './project.ts';
import type { Supervisor } from './session/supervisor.ts';

/** A project with the supervisor of the sessions this process owns in it. */
export interface SupervisedProject {
  readonly project: Project;
  readonly supervisor: Supervisor;
}

/** A project as it was opened from a folder of it. */
export interface OpenProject extends SupervisedProject {
  /** The caller's folder in the project, canonical: sessions started from it work there. */
  readonly folder: string;
}

/** Whose sessions are meant in a folder. */
export interface ProjectReport {
  /** Canonical path of the project: the top folder of the git repository that the folder lies in, else the folder. */
  readonly path: string;
  /** The folder, where earlier versions kept sessions for it alone; null where they did not. */
  readonly former: string | null;
}

/** What a check of a project's store found. */
export interface StoreReport {
  /** The database file, for people. */
  readonly path: string;
  /** What is damaged and what to do; null when nothing is. */
  readonly problem: string | null;
}

/** A project that could not be read: its database is damaged, lost, of a newer maos, another program's. */
export interface UnreadProject {
  /** Its database, for people. */
  readonly file: string;
  /** Path of the project; null when not even that could be read. */
  readonly path: string | null;
  readonly error: MaosError;
}

/** A setting as people are shown it: what may be a secret is not in it. */
export interface SettingReport {
  readonly key: string;
  readonly value: unknown;
  /** Where it came from: 'default', a file, a variable, 'flag'. */
  readonly origin: string;
  readonly description: string;
  /** What values it takes, to follow 'it must be'. */
  readonly allowed: string;
}

/** Whose settings file: the user's own, or the one that MAOS keeps for a project. */
export type SettingScope = 'user' | 'project';

/** A MAOS process of this machine, as `maos instances` shows it. */
export interface InstanceReport {
  readonly id: InstanceId;
  readonly pid: number;
  readonly version: string;
  /** Where it listens; null without HTTP. */
  readonly port: number | null;
  /** The folder it works for. */
  readonly project: string;
  readonly startedAt: string;
  /** Sessions it runs. */
  readonly sessions: readonly SessionId[];
  /**
   * `stale`: it has not been heard of for longer than a lease lasts, and may lose its sessions. The process is there,
   * or cannot be seen from here: it belongs to another container, or to the time before the machine was started anew.
   * `gone`: it ended without a word.
   */
  readonly state: 'alive' | 'stale' | 'gone';
}

/** All processes of one agent on this machine, whoever started them: as its own tools show them, not as a host does. */
export interface AgentProcess {
  readonly agentId: string;
  /** The topmost of its processes: the one that its start was recorded with, as long as that one lives. */
  readonly pid: number;
  readonly startedAt: string;
  /** CPU time, user and system. */
  readonly cpuMs: number;
  /** Of one processor (200: two were busy), while it was watched; null when it was not. */
  readonly cpuPercent: number | null;
  /** Resident sets; pages that processes share count for each. */
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

/** A backend as it is on this machine. */
export interface BackendReport extends BackendProbe {
  readonly capabilities: BackendCapabilities;
}

/**
 * The running MAOS as the command line and the servers see it. Everything is opened when first asked for, so that a
 * command pays only for what it uses.
 */
export interface Runtime {
  readonly version: string;
  /** The folder of all state, for people. */
  readonly home: string;
  /** Loads what the first project to be opened will need; nothing is opened. */
  prepare(): Promise<void>;
  /** @throws MaosError INVALID_INPUT when the path is no folder */
  projectOf(path: string): Promise<ProjectReport>;
  /** Opens the project of a folder, making its store when there is none. @throws MaosError INVALID_INPUT, STORE_… */
  openProject(path: string): Promise<OpenProject>;
  /** Opens a project's store only if it exists already; null otherwise. For commands that only look. */
  findProject(path: string): Promise<OpenProject | null>;
  /**
   * Every project with a store, those used last first.
   * @param onUnread is told of each that cannot be read and is skipped; the log is told in any case
   * @throws MaosError FORBIDDEN … when the home cannot be read
   */
  allProjects(onUnread?: (project: UnreadProject) => void): AsyncIterable<OpenProject>;
  /** STORE_CORRUPT where a project's database is missing or empty, though sessions of it have their folders; else null. */
  lostStore(path: string): Promise<MaosError | null>;
  probeBackends(): Promise<readonly BackendReport[]>;
  /** The roles that apply in a folder; see {@link RoleSources}. @throws MaosError INVALID_INPUT */
  roles(path: string): Promise<FoundRoles>;
  settings(
    path: string,
  ): Promise<{ readonly settings: readonly SettingReport[]; readonly warnings: readonly string[] }>;
  /** Path of the settings file of the user, or of a folder's project; it need not exist. */
  settingsFile(path: string, scope: SettingScope): Promise<string>;
  /**
   * Changes one setting in a settings file, which keeps all else.
   * @param change.text the new value as a command line has it; null: the file no longer sets it
   * @throws MaosError INVALID_INPUT, FORBIDDEN, CONFIG_INVALID; nothing is written then
   */
  changeSetting(
    path: string,
    scope: SettingScope,
    change: { readonly key: string; readonly text: string | null },
  ): Promise<{ readonly file: string; readonly changed: boolean }>;
  /**
   * Detaches every session this process owns to a process of its own, which outlives this one.
   * @param how `keep`: all of them run to their end there, regardless of their exit policies
   */
  detach(how?: 'keep'): Promise<void>;
  /**
   * Registers this process on the machine, and from now on adopts sessions without an owner in a folder's
   * project. For long-running processes.
   */
  watchProject(path: string): Promise<void>;
  /**
   * Starts a process of its own for the sessions of a project that nobody runs, if there are any. For processes that
   * do not stay.
   * @returns those sessions; empty when there are none, or when one was started for them a moment ago
   */
  adoptOrphans(project: Project): Promise<readonly SessionId[]>;
  /**
   * Adopts the sessions without an owner of the project with exactly this path: each continues or, if its owner announced
   * its exit, follows its exit policy. Settles when none is left.
   * @param from an instance that is about to exit: its end is waited for. Null: nobody is
   */
  supervise(path: string, from: string | null): Promise<void>;
  /** MAOS processes of this machine, oldest first. What they run of a project that cannot be read is not known. */
  instances(onUnread?: (project: UnreadProject) => void): Promise<readonly InstanceReport[]>;
  /** Removes instances that are gone from the registry. */
  forgetInstances(ids: readonly InstanceId[]): Promise<void>;
  /**
   * Every agent that has processes on this machine, over all projects; the oldest first.
   * @param watchMs how long to measure CPU use; 0, the default: not at all
   */
  agentProcesses(watchMs?: number): Promise<readonly AgentProcess[]>;
  /** Reads the whole store of a folder's project for damage; null where there is none. */
  checkStore(path: string): Promise<StoreReport | null>;
  /** The token of HTTP mode as it is now, made when there is none. @param change `rotate`: a new one */
  httpToken(change: 'keep' | 'rotate'): Promise<string>;
  /** Notes where this process listens, for `instances()`; it is written down then. */
  listening(path: string, port: number): Promise<void>;
  /** Whether records of this level are written. Once it has said so of `trace`, they are, at once and in order. */
  logs(level: LogLevel): Promise<boolean>;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /**
   * Hands over what is logged from now on, whatever its level but `trace`, with secrets replaced.
   * @returns the function that ends it
   */
  watchLog(listener: LogListener): () => void;
  /** Releases stores and files; owned sessions must have ended or been detached. */
  close(): void;
}

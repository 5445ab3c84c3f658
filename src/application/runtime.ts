import type { BackendProbe, LogLevel } from './ports.ts';
import type { Project } from './project.ts';
import type { Supervisor } from './supervisor.ts';

/** A project with the supervisor of the sessions this process owns in it. */
export interface OpenProject {
  readonly project: Project;
  readonly supervisor: Supervisor;
}

/** What a check of a project's store found. */
export interface StoreReport {
  /** The database file, for people. */
  readonly path: string;
  /** What is damaged and what to do; null when nothing is. */
  readonly problem: string | null;
}

/** A setting as `maos doctor` and `maos config` show it. */
export interface SettingReport {
  readonly key: string;
  readonly value: unknown;
  /** Where it came from: 'default', a file, a variable, 'flag'. */
  readonly origin: string;
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
  /** Opens the project of a folder, making its store when there is none. @throws MaosError INVALID_INPUT, STORE_… */
  openProject(path: string): Promise<OpenProject>;
  /** Opens a project's store only if it exists already; null otherwise. For commands that only look. */
  findProject(path: string): Promise<OpenProject | null>;
  /** Every project with a store, those used last first. Broken stores are reported to the log and passed over. */
  allProjects(): AsyncIterable<OpenProject>;
  probeBackends(): Promise<readonly BackendProbe[]>;
  settings(
    path: string,
  ): Promise<{ readonly settings: readonly SettingReport[]; readonly warnings: readonly string[] }>;
  /** Hands every session this process owns to a process of its own, which outlives this one. */
  handOver(): Promise<void>;
  /**
   * Takes over the sessions that instance `from` left in a project and brings each to where its exit policy says.
   * Settles when none is left to do.
   */
  supervise(path: string, from: string): Promise<void>;
  /** Reads the whole store of a folder's project for damage; null where there is none. */
  checkStore(path: string): Promise<StoreReport | null>;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Releases stores and files; the sessions owned must have ended or been handed over. */
  close(): void;
}

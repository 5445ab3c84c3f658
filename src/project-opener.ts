import { existsSync } from 'node:fs';
import type { WatchedProject } from './application/control/detached-supervisors.ts';
import { OrphanWatch } from './application/control/orphans.ts';
import { startRetentionTimer } from './application/maintenance/retention/retention-timer.ts';
import type { Instances } from './application/ports/instances.ts';
import type { Log } from './application/ports/log.ts';
import type { CarryOut } from './application/ports/team-calls.ts';
import type { Teams } from './application/ports/teams.ts';
import type { Project } from './application/project.ts';
import { Supervisor } from './application/session/supervisor.ts';
import { untilFree } from './application/when-free.ts';
import type { MaosError } from './domain/errors.ts';
import { systemClock } from './infrastructure/clock.ts';
import { type LoadedConfig, loadConfig } from './infrastructure/config/config.ts';
import type { PartialConfig } from './infrastructure/config/settings-table.ts';
import { isThere, sessionFolders } from './infrastructure/files/home/project-list.ts';
import { makeIdSource } from './infrastructure/ids.ts';
import type { InstanceRegistration } from './infrastructure/instances/instance-registration.ts';
import { readProjectOf } from './infrastructure/sqlite/session-store.ts';
import { lostStore } from './infrastructure/sqlite/sqlite-errors.ts';
import { makeProject, storeFile } from './project-adapters.ts';

/** A project that this process has open. */
export interface KeptProject extends WatchedProject {
  readonly stopRetentionTimer: () => void;
}

export interface ProjectOpenerDeps {
  readonly home: string;
  /** Settings from the command line. */
  readonly flags: PartialConfig;
  readonly registration: InstanceRegistration;
  readonly instances: (root: string) => Instances;
  readonly teams: (root: string) => Teams;
  /** Whether this process should look for sessions of the project without an owner. */
  readonly isWatched: (root: string) => boolean;
  readonly log: Log;
  readonly carryOut: CarryOut;
}

/** Opens projects, each once, with everything that works on them in this process. */
export class ProjectOpener {
  readonly #deps: ProjectOpenerDeps;
  readonly #ids = makeIdSource();
  readonly #open = new Map<string, KeptProject>();
  /** Projects whose database was replaced. */
  readonly #replaced: Project[] = [];

  constructor(deps: ProjectOpenerDeps) {
    this.#deps = deps;
  }

  get projects(): readonly KeptProject[] {
    return [...this.#open.values()];
  }

  get owning(): readonly KeptProject[] {
    return this.projects.filter(({ supervisor }) => supervisor.owned.length > 0);
  }

  /** @param root canonical path of the project with this hash */
  open(hash: string, root: string): Promise<KeptProject> {
    return this.whenFree(() => this.#openNow(hash, root));
  }

  config(hash?: string): LoadedConfig {
    const { home, flags } = this.#deps;
    return loadConfig({ home, projectHash: hash, env: process.env, flags });
  }

  storeFile(hash: string): string {
    return storeFile(this.#deps.home, hash);
  }

  /** Null if the database is missing or has no session yet. */
  async rootOf(hash: string): Promise<string | null> {
    const file = this.storeFile(hash);
    if (!isThere(file)) return null;
    const open = this.#open.get(hash)?.project;
    // Opening the file once more takes much longer than asking the open store.
    if (open !== undefined && !open.store.isLost && open.store.feed.origin() !== null) return open.path;
    return this.whenFree(() => readProjectOf(file));
  }

  /** Null if the database exists, or there is no sign that it ever did. */
  async lostStore(hash: string): Promise<MaosError | null> {
    const sessions = await sessionFolders(this.#deps.home, hash);
    if (sessions.length === 0) return null;
    const file = this.storeFile(hash);
    const isMissing = !isThere(file);
    if (!isMissing && (await this.whenFree(() => readProjectOf(file))) !== null) return null;
    return lostStore(file, isMissing, sessions);
  }

  whenFree<T>(work: () => T): Promise<T> {
    return untilFree(systemClock, () => this.config().config.busyTimeoutMs, work);
  }

  close(): void {
    for (const { project, watch, stopRetentionTimer } of this.projects) {
      watch.stop();
      stopRetentionTimer();
      project.notifications.stop();
      project.store.close();
    }
    for (const { store } of this.#replaced) store.close();
    this.#open.clear();
  }

  #openNow(hash: string, root: string): KeptProject {
    const known = this.#open.get(hash);
    if (known !== undefined && !this.#isReplaced(known, hash)) return known;
    const { home, registration, instances, teams, log, carryOut } = this.#deps;
    const project = makeProject({
      ...{ home, hash, root, registration, log, carryOut },
      config: this.config(hash).config,
      instances: instances(root),
      teams: teams(root),
      ids: this.#ids,
    });
    const supervisor = new Supervisor(project);
    const watch = new OrphanWatch(project, supervisor);
    const opened = { project, supervisor, watch, stopRetentionTimer: startRetentionTimer(project) };
    this.#open.set(hash, opened);
    if (this.#deps.isWatched(root)) watch.start();
    return opened;
  }

  /**
   * Whether another database has replaced the open one, for example after a recovery; the new one is used from now on.
   * Readers of the old one may continue, so it is closed with the runtime.
   */
  #isReplaced({ project, supervisor, watch, stopRetentionTimer }: KeptProject, hash: string): boolean {
    const isReplaced = project.store.isLost && existsSync(this.storeFile(hash));
    if (!isReplaced || supervisor.owned.length > 0) return false;
    watch.stop();
    stopRetentionTimer();
    project.notifications.stop();
    this.#replaced.push(project);
    const file = this.storeFile(hash);
    this.#deps.log.log('warn', 'the database was replaced; using the new one', { file });
    return true;
  }
}

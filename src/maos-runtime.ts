import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import manifest from '../package.json' with { type: 'json' };
import { DetachedSupervisors } from './application/control/detached-supervisors.ts';
import { makeTeams } from './application/control/nested-teams.ts';
import type { Instances } from './application/ports/instances.ts';
import type { LogLevel } from './application/ports/log.ts';
import type { UnfinishedSession } from './application/ports/ownership.ts';
import type { ParseText } from './application/ports/parsed-text.ts';
import type { SignIns } from './application/ports/sign-ins.ts';
import type { TcpConnection } from './application/ports/tcp-connection.ts';
import type { TeamAsk } from './application/ports/team-calls.ts';
import type { Teams } from './application/ports/teams.ts';
import type { Project } from './application/project.ts';
import type {
  AgentProcess,
  HostOptions,
  InstanceReport,
  LogListener,
  OpenProject,
  ProjectReport,
  Runtime,
  SettingScope,
  StartedHost,
  UnreadProject,
} from './application/runtime.ts';
import { ownershipTiming } from './application/session/supervisor.ts';
import { explainedOrDefect } from './application/system-error.ts';
import { isMaosError, type MaosError } from './domain/errors.ts';
import type { InstanceId, SessionId } from './domain/ids.ts';
import { outsideWays, testNotification } from './domain/notification.ts';
import { systemClock } from './infrastructure/clock.ts';
import { configPath, type Origin } from './infrastructure/config/config.ts';
import {
  type ConfigPlace,
  editConfig,
  openConfig,
  replaceConfig,
} from './infrastructure/config/config-edit.ts';
import { type PartialConfig, settingsByKey } from './infrastructure/config/settings-table.ts';
import {
  canonicalProject,
  ensureHome,
  ensureProjectFolder,
  hashOf,
} from './infrastructure/files/home/home.ts';
import { readHttpToken, rotateHttpToken } from './infrastructure/files/home/http-token.ts';
import { maosHome } from './infrastructure/files/home/maos-home.ts';
import { isThere, projectHashes } from './infrastructure/files/home/project-list.ts';
import { placeOf } from './infrastructure/files/home/project-place.ts';
import { makeSignIns, removeSignIns } from './infrastructure/files/home/sign-ins.ts';
import type { InstanceRegistration } from './infrastructure/instances/instance-registration.ts';
import { instanceReports } from './infrastructure/instances/instance-reports.ts';
import { type FileLog, openLog } from './infrastructure/logging/log.ts';
import { logPath, pruneLogs } from './infrastructure/logging/prune.ts';
import { loggable } from './infrastructure/logging/record.ts';
import { giveBackMemoryAtRest } from './infrastructure/memory-at-rest.ts';
import { startDetachedSupervisor } from './infrastructure/process/launch/detached-supervisor.ts';
import { listAgentProcesses } from './infrastructure/process/tree/agent-list.ts';
import { checkIntegrity } from './infrastructure/sqlite/integrity.ts';
import { backendsOf, rolesFor, sendersOf } from './project-adapters.ts';
import { ProjectOpener } from './project-opener.ts';

/** How long the end of a command waits for notifications that are being sent. */
const notificationPatienceMs = 2_000;

/**
 * The running MAOS: creates every adapter when it is first needed.
 * @param flags settings from the command line
 * @param registration this process in the machine's registry; closed with the runtime
 * @param logListeners receive all log records; the set may change
 */
export class MaosRuntime implements Runtime {
  readonly version = manifest.version;
  readonly home = maosHome(process.env);
  readonly #logListeners: Set<LogListener>;
  readonly #instance: InstanceId;
  readonly #registration: InstanceRegistration;
  readonly #projects: ProjectOpener;
  readonly #detached: DetachedSupervisors;
  /** Paths of the projects that this process watches. */
  #watchedPaths: ReadonlySet<string> = new Set();
  #logsPruned = false;
  #openHomeLogged = false;
  #log: FileLog | null = null;
  #signIns: SignIns | null = null;
  #keepMemory = (): void => {};

  constructor(flags: PartialConfig, registration: InstanceRegistration, logListeners: Set<LogListener>) {
    this.#logListeners = logListeners;
    this.#registration = registration;
    this.#instance = registration.instance;
    this.#projects = new ProjectOpener({
      ...{ home: this.home, flags, registration, log: this },
      instances: (root) => this.#instances(root),
      teams: (root) => this.#teams(root),
      isWatched: (root) => this.#watchedPaths.has(root),
      carryOut: async (env, call, signal) => {
        const { carryOut } = await import('./presentation/carry-out.ts');
        return carryOut(this, env, call, signal);
      },
    });
    this.#detached = new DetachedSupervisors({
      instance: registration.instance,
      startDetachedSupervisor: (project, from) => this.#startDetachedSupervisor(project, from),
      pause,
      log: this,
    });
  }

  /** Already loaded with this module. */
  async prepare(): Promise<void> {}

  async projectOf(path: string): Promise<ProjectReport> {
    const { folder, project } = placeOf(path);
    const hadOwn = folder !== project && existsSync(this.#projects.storeFile(hashOf(folder)));
    return { path: project, former: hadOwn ? folder : null };
  }

  async openProject(path: string): Promise<OpenProject> {
    const { folder, project: root } = placeOf(path);
    const hash = hashOf(root);
    const { openToOthers } = ensureHome(this.home);
    if (openToOthers !== null && !this.#openHomeLogged) {
      this.#openHomeLogged = true;
      this.log('warn', 'other users can enter the home folder', { mode: openToOthers.toString(8) });
    }
    ensureProjectFolder(this.home, hash);
    return { ...(await this.#projects.open(hash, root)), folder };
  }

  async findProject(path: string): Promise<OpenProject | null> {
    const { folder, project: root } = placeOf(path);
    const hash = hashOf(root);
    return isThere(this.#projects.storeFile(hash))
      ? { ...(await this.#projects.open(hash, root)), folder }
      : null;
  }

  async *allProjects(onUnread: (project: UnreadProject) => void = () => {}): AsyncIterable<OpenProject> {
    for (const hash of await projectHashes(this.home, (name) => this.#projects.storeFile(name))) {
      let root: string | null = null;
      try {
        root = await this.#projects.rootOf(hash);
        if (root !== null) yield { ...(await this.#projects.open(hash, root)), folder: root };
        else {
          const lost = await this.#projects.lostStore(hash);
          if (lost !== null) throw lost;
        }
      } catch (error) {
        // Where this user has no permission, there is no log to write either.
        if (!isMaosError(error, 'FORBIDDEN'))
          this.log('warn', 'a project could not be opened', { hash, error });
        onUnread({ file: this.#projects.storeFile(hash), path: root, error: explainedOrDefect(error) });
      }
    }
  }

  async lostStore(path: string): Promise<MaosError | null> {
    return this.#projects.lostStore(hashOf(placeOf(path).project));
  }

  async probeBackends() {
    const backends = backendsOf(this.#projects.config().config);
    const all = backends.names.map((name) => backends.get(name));
    return Promise.all(
      all.map(async (backend) => ({ ...(await backend.probe()), capabilities: backend.capabilities })),
    );
  }

  async roles(path: string) {
    return rolesFor(this.home).read(canonicalProject(path));
  }

  async settings(path: string) {
    const { config, sources, warnings } = this.#projects.config(hashOf(placeOf(path).project));
    const lookUp = (key: string): unknown =>
      key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], config);
    const settings = [...settingsByKey].map(([key, { kind, description }]) => {
      const origin = sources.get(key) as Origin;
      return {
        key,
        value: kind.disclosed?.(lookUp(key)) ?? lookUp(key),
        origin: origin.kind === 'file' ? origin.path : origin.kind === 'variable' ? origin.name : origin.kind,
        ...{ description, allowed: kind.allowed },
      };
    });
    return { settings, warnings };
  }

  async settingsFile(path: string, scope: SettingScope): Promise<string> {
    return configPath(this.home, scope === 'user' ? undefined : hashOf(placeOf(path).project));
  }

  async changeSetting(
    path: string,
    scope: SettingScope,
    change: { readonly key: string; readonly text: string | null },
  ) {
    return editConfig({ ...this.#settingsPlace(path, scope), ...change });
  }

  async openSettings(path: string, scope: SettingScope) {
    return openConfig(this.#settingsPlace(path, scope));
  }

  async replaceSettings(
    path: string,
    scope: SettingScope,
    edited: { readonly before: string | null; readonly text: string },
  ) {
    await replaceConfig({ ...this.#settingsPlace(path, scope), ...edited });
  }

  /** Creates the folder of the settings file, if necessary. */
  #settingsPlace(path: string, scope: SettingScope): ConfigPlace {
    ensureHome(this.home);
    const projectHash = scope === 'user' ? null : hashOf(placeOf(path).project);
    if (projectHash !== null) ensureProjectFolder(this.home, projectHash);
    return { home: this.home, projectHash };
  }

  async watchProject(path: string): Promise<void> {
    const { folder, project } = placeOf(path);
    ensureHome(this.home);
    this.#keepMemory();
    this.#keepMemory = giveBackMemoryAtRest();
    await this.#announce(project);
    // An earlier version may have left running sessions in a store of the folder itself.
    this.#watchedPaths = new Set([project, folder]);
    for (const root of this.#watchedPaths) await this.#watchOver(root);
  }

  readonly parseText: ParseText = async (source, format) => {
    const { parseText } = await import('./infrastructure/text-formats/parse-text.ts');
    return parseText(source, format);
  };

  async detach(how?: 'keep'): Promise<void> {
    this.#watchedPaths = new Set();
    const { owning } = this.#projects;
    const endsHere = how === 'keep' || owning.length === 0;
    // First, because this process may have only 30 ms left.
    if (how !== 'keep') this.#detached.detach(owning);
    for (const { watch } of this.#projects.projects) watch.stop();
    if (how !== 'keep' && owning.length === 0) await this.#endNotifications(AbortSignal.abort());
    if (how === 'keep') await this.#detached.detachRunning(owning);
    if (endsHere) this.#registration.withdraw();
  }

  async adoptOrphans(project: Project): Promise<readonly SessionId[]> {
    return this.#detached.adoptOrphans(project);
  }

  async supervise(path: string, from: string | null): Promise<void> {
    // Supervises the sessions even if the project's folder was removed meanwhile.
    const root = existsSync(path) ? canonicalProject(path) : path;
    const hash = hashOf(root);
    if (!existsSync(this.#projects.storeFile(hash))) return;
    await this.#detached.takeOver(await this.#projects.open(hash, root), from as InstanceId | null);
  }

  async instances(onUnread?: (project: UnreadProject) => void): Promise<readonly InstanceReport[]> {
    if (!existsSync(join(this.home, 'instances.db'))) return [];
    const staleBefore = Date.now() - ownershipTiming.leaseTtlMs;
    const owned: UnfinishedSession[] = [];
    for await (const { project } of this.allProjects(onUnread)) owned.push(...project.store.unfinished());
    return instanceReports(await this.#registration.list(), owned, staleBefore);
  }

  async forgetInstances(ids: readonly InstanceId[]): Promise<void> {
    await this.#registration.forget(ids);
  }

  async agentProcesses(watchMs = 0): Promise<readonly AgentProcess[]> {
    return listAgentProcesses({ watchMs });
  }

  async checkStore(path: string) {
    const file = this.#projects.storeFile(hashOf(placeOf(path).project));
    const lost = await this.lostStore(path);
    if (lost !== null) return { path: file, problem: lost.message };
    return isThere(file) ? { path: file, problem: checkIntegrity(file) } : null;
  }

  async checkGit(path: string) {
    const { folder, project } = placeOf(path);
    const { reportGit } = await import('./infrastructure/git/git-report.ts');
    const opened = await this.findProject(path).catch((error: unknown) => {
      // A store that cannot be read is a problem of its own.
      if (isMaosError(error)) return null;
      throw error;
    });
    return reportGit({
      ...{ folder, project, projectsFolder: join(this.home, 'projects') },
      environment: process.env,
      isKnown: (id) => opened?.project.store.maintenance.exists(id) === true,
    });
  }

  async httpToken(change: 'keep' | 'rotate'): Promise<string> {
    ensureHome(this.home);
    if (change === 'keep') return readHttpToken(this.home);
    const token = await rotateHttpToken(this.home);
    try {
      removeSignIns(this.home);
    } catch (error) {
      this.log('warn', 'sign-ins of the old token could not be removed; they are invalid', { error });
    }
    return token;
  }

  async httpServers() {
    return existsSync(join(this.home, 'instances.db')) ? (await this.#httpServers()).running() : [];
  }

  async startHttpServer(path: string) {
    const { project } = placeOf(path);
    ensureHome(this.home);
    return (await this.#httpServers()).start(project);
  }

  async stopHttpServers() {
    return existsSync(join(this.home, 'instances.db')) ? (await this.#httpServers()).stop() : [];
  }

  async #httpServers() {
    const { HttpServers } = await import('./infrastructure/instances/http-servers.ts');
    return new HttpServers(this.home, this.version, this.#registration);
  }

  async isOtherUsers(connection: TcpConnection) {
    const { isOtherUsers } = await import('./infrastructure/process/tree/connection-owner.ts');
    return isOtherUsers(connection);
  }

  async hasOthersListener(port: number) {
    const { hasOthersListener } = await import('./infrastructure/process/tree/connection-owner.ts');
    return hasOthersListener(port);
  }

  async signIns(): Promise<SignIns> {
    ensureHome(this.home);
    this.#signIns ??= makeSignIns(this.home);
    return this.#signIns;
  }

  async listening(path: string, port: number): Promise<void> {
    ensureHome(this.home);
    this.#registration.port = port;
    await this.#announce(placeOf(path).project);
  }

  async logs(level: LogLevel): Promise<boolean> {
    return this.#fileLog.takes(level);
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#fileLog.log(level, message, fields);
    if (this.#logListeners.size === 0 || level === 'trace') return;
    const told = loggable(fields ?? {}) as Readonly<Record<string, unknown>>;
    for (const listener of this.#logListeners) listener(level, message, told);
  }

  watchLog(listener: LogListener): () => void {
    this.#logListeners.add(listener);
    return () => this.#logListeners.delete(listener);
  }

  async testNotifications(path: string) {
    const { config } = this.#projects.config(hashOf(placeOf(path).project));
    const { command, webhook } = config.notifications;
    const isSet = { command: command !== null, webhook: webhook.url !== null };
    if (isSet.command) ensureHome(this.home);
    const senders = sendersOf(config, this.home);
    const at = systemClock.now();
    const message = testNotification(`ntf_test_${Date.parse(at)}`, at);
    return Promise.all(
      outsideWays
        .filter((way) => isSet[way])
        .map(async (way) => {
          const outcome = await senders[way](message, new AbortController().signal);
          return { way, problem: outcome.type === 'sent' ? null : outcome.reason };
        }),
    );
  }

  async runHost(options: HostOptions, told: (what: string) => void, signal: AbortSignal): Promise<void> {
    ensureHome(this.home);
    const { runHost } = await import('./host-process.ts');
    const { config } = this.#projects.config();
    await runHost({ home: this.home, config, instance: this.#instance, options, told, signal });
  }

  async startHost(options: HostOptions): Promise<StartedHost> {
    ensureHome(this.home);
    const { startHost } = await import('./host-process.ts');
    return startHost(this.home, this.#projects.config().config, options);
  }

  async callTeam(calls: string, ask: TeamAsk, signal: AbortSignal) {
    const { callTeam } = await import('./infrastructure/fleet/call-box.ts');
    return callTeam(calls, ask, signal);
  }

  async drainHost(): Promise<void> {
    ensureHome(this.home);
    const { drainHost } = await import('./host-process.ts');
    drainHost(this.home);
  }

  async natsKey(path: string) {
    const { natsKeyIn } = await import('./infrastructure/fleet/nats-key.ts');
    return natsKeyIn(path);
  }

  async fleetHosts(url: string | null) {
    const { openFleet } = await import('./pool-host.ts');
    const fleet = await openFleet(this.#projects.config().config, url, 'maos host list');
    try {
      return { hosts: await fleet.hosts(), home: fleet.home };
    } finally {
      await fleet.close();
    }
  }

  async finishNotifications(): Promise<void> {
    await this.#endNotifications(AbortSignal.timeout(notificationPatienceMs));
  }

  async #endNotifications(patience: AbortSignal): Promise<void> {
    for (const { project } of this.#projects.projects) {
      try {
        const isLeft = await project.notifications.end(patience);
        if (isLeft && !this.#detached.isDetached(project)) this.#startDetachedSupervisor(project, null);
      } catch (error) {
        this.log('warn', 'notifications are left to the next maos process', { error });
      }
    }
  }

  close(): void {
    this.#keepMemory();
    if (this.#projects.owning.length === 0) this.#registration.withdraw();
    this.#projects.close();
    this.#registration.close();
    this.#log?.close();
  }

  get #fileLog(): FileLog {
    const instance = this.#instance;
    this.#log ??= openLog({ file: logPath(this.home, instance), level: this.#logLevel(), instance });
    return this.#log;
  }

  #logLevel(): LogLevel {
    try {
      return this.#projects.config().config.log.level;
    } catch {
      // Code that needs the settings reports what is wrong with them; logging must not fail for it.
      return 'info';
    }
  }

  #startDetachedSupervisor({ path }: Project, from: InstanceId | null): void {
    const onError = (error: unknown): void =>
      this.log('error', 'cannot start a process for sessions; they wait for the next maos process', {
        error,
      });
    startDetachedSupervisor({ project: path, home: this.home, from, onError });
  }

  async #watchOver(root: string): Promise<void> {
    const hash = hashOf(root);
    // Without a store there are no sessions, and watching must not create one.
    const look = async (): Promise<void> => {
      if (!this.#watchedPaths.has(root)) return;
      try {
        if (existsSync(this.#projects.storeFile(hash))) {
          const { watch } = await this.#projects.open(hash, root);
          if (this.#watchedPaths.has(root)) watch.start();
          return;
        }
      } catch (error) {
        this.log('error', 'the project could not be opened, so its sessions are not watched', { error });
      }
      systemClock.after(ownershipTiming.lookMs, () => void look());
    };
    await look();
  }

  #instances(workspace: string): Instances {
    return {
      announce: () => this.#announce(workspace),
      beat: (at) => this.#registration.beat(at),
      isAlive: (id) => this.#registration.isAlive(id),
      heardAt: (id) => this.#registration.heardAt(id),
    };
  }

  #teams(root: string): Teams {
    const registry = () => this.#registration.registry;
    return makeTeams(root, {
      nested: {
        add: (parent, path) => registry().addNested(parent, path),
        of: (parent) => registry().nestedProjects(parent),
        forget: (parent, path) => this.#projects.whenFree(() => registry().forgetNested(parent, path)),
      },
      open: async (path) => {
        const hash = hashOf(path);
        if (!existsSync(this.#projects.storeFile(hash))) return null;
        return (await this.#projects.open(hash, path)).project;
      },
      startDetachedSupervisor: (project) => this.#startDetachedSupervisor(project, null),
      log: this,
    });
  }

  async #announce(workspace: string): Promise<void> {
    await this.#registration.announce(workspace);
    if (this.#logsPruned) return;
    this.#logsPruned = true;
    const living = this.#registration.registry.list().map(({ id }) => logPath(this.home, id));
    const { maxFiles, maxBytes } = this.#projects.config().config.log;
    const folder = dirname(logPath(this.home, this.#instance));
    pruneLogs({ folder, maxFiles, maxBytes, keep: new Set(living) }).catch((error: unknown) =>
      this.log('warn', 'old logs not removed', { error }),
    );
  }
}

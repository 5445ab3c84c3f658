import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { ChangeWatcher } from './application/change-watcher.ts';
import type { Instances, LogLevel } from './application/ports.ts';
import type { Project } from './application/project.ts';
import type { OpenProject, Runtime } from './application/runtime.ts';
import { Supervisor } from './application/supervisor.ts';
import { type InstanceId, makeInstanceId } from './domain/ids.ts';
import { makeClaudeBackend } from './infrastructure/backends/claude.ts';
import { makeCommandBackend } from './infrastructure/backends/command.ts';
import { makeBackends } from './infrastructure/backends/registry.ts';
import { systemClock } from './infrastructure/clock.ts';
import { type LoadedConfig, loadConfig, toSettings } from './infrastructure/config/config.ts';
import type { Config, PartialConfig } from './infrastructure/config/settings-table.ts';
import {
  canonicalProject,
  ensureHome,
  ensureProjectFolder,
  projectFolder,
  workspaceHash,
} from './infrastructure/files/home.ts';
import { maosHome } from './infrastructure/files/maos-home.ts';
import { makeSessionFiles } from './infrastructure/files/session-files.ts';
import { makeIdSource } from './infrastructure/ids.ts';
import { type FileLog, openLog } from './infrastructure/logging/log.ts';
import { logPath, pruneLogs } from './infrastructure/logging/prune.ts';
import { identify, isAlive, type ProcessIdentity } from './infrastructure/process/identity.ts';
import { makeLocalAgentHost } from './infrastructure/process/local-agent-host.ts';
import { type InstanceRegistry, openInstanceRegistry } from './infrastructure/sqlite/instance-registry.ts';
import { checkIntegrity } from './infrastructure/sqlite/integrity.ts';
import { openSessionStore, readProjectOf } from './infrastructure/sqlite/session-store.ts';

/** How long a detached process waits for the one before it to be gone. */
const takeOverPatienceMs = 10_000;
const takeOverPollMs = 20;

/**
 * The running MAOS: makes every adapter, each when it is first needed.
 * @param flags settings given on the command line
 */
export class MaosRuntime implements Runtime {
  readonly version = manifest.version;
  readonly home = maosHome(process.env);
  readonly #flags: PartialConfig;
  readonly #ids = makeIdSource();
  readonly #instance: InstanceId;
  readonly #startedAt = systemClock.now();
  readonly #open = new Map<string, OpenProject>();
  readonly #handedOver = new Set<string>();
  #log: FileLog | null = null;
  #registry: InstanceRegistry | null = null;
  #announced: Promise<void> | null = null;

  constructor(flags: PartialConfig) {
    this.#flags = flags;
    this.#instance = makeInstanceId(this.#ids.ulid());
  }

  /** It is loaded with this module. */
  async prepare(): Promise<void> {}

  async openProject(path: string): Promise<OpenProject> {
    const root = canonicalProject(path);
    const hash = workspaceHash(root);
    const { tightenedFrom } = ensureHome(this.home);
    if (tightenedFrom !== null) {
      this.log('warn', 'the home folder was open to others; closed it', { from: tightenedFrom.toString(8) });
    }
    ensureProjectFolder(this.home, hash);
    return this.#opened(hash, root);
  }

  async findProject(path: string): Promise<OpenProject | null> {
    const root = canonicalProject(path);
    const hash = workspaceHash(root);
    return existsSync(this.#storeFile(hash)) ? this.#opened(hash, root) : null;
  }

  async *allProjects(): AsyncIterable<OpenProject> {
    const names = existsSync(join(this.home, 'projects')) ? await readdir(join(this.home, 'projects')) : [];
    const stores = names.filter((name) => /^[0-9a-f]{64}$/.test(name) && existsSync(this.#storeFile(name)));
    const dated = await Promise.all(
      stores.map(async (hash) => ({ hash, usedAt: (await stat(this.#storeFile(hash))).mtimeMs })),
    );
    for (const { hash } of dated.sort((a, b) => b.usedAt - a.usedAt)) {
      try {
        const root = readProjectOf(this.#storeFile(hash));
        if (root !== null) yield this.#opened(hash, root);
      } catch (error) {
        this.log('warn', 'a project could not be opened', { hash, error });
      }
    }
  }

  async probeBackends() {
    const backends = this.#backends(this.#config(undefined).config);
    return Promise.all(backends.names.map((name) => backends.get(name).probe()));
  }

  async settings(path: string) {
    const { config, sources, warnings } = this.#config(workspaceHash(canonicalProject(path)));
    const lookUp = (key: string): unknown =>
      key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], config);
    const settings = [...sources].map(([key, origin]) => ({
      key,
      value: lookUp(key),
      origin: origin.kind === 'file' ? origin.path : origin.kind === 'variable' ? origin.name : origin.kind,
    }));
    return { settings, warnings };
  }

  async handOver(): Promise<void> {
    for (const { project, supervisor } of this.#open.values()) {
      if (supervisor.owned.length === 0 || this.#handedOver.has(project.path)) continue;
      this.#handedOver.add(project.path);
      const args = ['supervise', '--project', project.path, '--from', this.#instance];
      // Its own session, no shared streams, not marked as part of an agent this maos may run in: whatever ends this
      // process and what belongs to it does not reach it.
      const { MAOS_AGENT_ID: _, ...env } = process.env;
      const child = spawn(process.execPath, [process.argv[1] as string, ...args], {
        cwd: project.path,
        detached: true,
        stdio: 'ignore',
        env: { ...env, MAOS_HOME: this.home },
      });
      child.on('error', (error) =>
        this.log('error', 'hand-over failed; sessions wait for the next maos', { error }),
      );
      child.unref();
    }
  }

  async supervise(path: string, from: string): Promise<void> {
    const { project, supervisor } = await this.openProject(path);
    const dead = from as InstanceId;
    for (let waited = 0; await project.instances.isAlive(dead); waited += takeOverPollMs) {
      if (waited >= takeOverPatienceMs) {
        this.log('warn', 'nothing taken over: the maos before still runs', { from });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, takeOverPollMs));
    }
    for (const { sessionId, owner } of project.store.unfinished()) {
      if (owner !== dead || !(await supervisor.takeOver(sessionId, dead))) continue;
      if (project.store.load(sessionId).session.onExit === 'stop') {
        supervisor.interrupt(sessionId, 'The maos that ran it has exited.');
      }
    }
    await supervisor.idle();
  }

  async checkStore(path: string) {
    const file = this.#storeFile(workspaceHash(canonicalProject(path)));
    return existsSync(file) ? { path: file, problem: checkIntegrity(file) } : null;
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#log === null) {
      const { config } = this.#config(undefined);
      const file = logPath(this.home, this.#instance);
      this.#log = openLog({ file, level: config.log.level, instance: this.#instance });
    }
    this.#log.log(level, message, fields);
  }

  close(): void {
    const owns = [...this.#open.values()].some(({ supervisor }) => supervisor.owned.length > 0);
    if (!owns && this.#announced !== null) this.#registry?.remove(this.#instance);
    for (const { project } of this.#open.values()) project.store.close();
    this.#open.clear();
    this.#registry?.close();
    this.#registry = null;
    this.#log?.close();
  }

  #opened(hash: string, root: string): OpenProject {
    const known = this.#open.get(hash);
    if (known !== undefined) return known;
    const { config } = this.#config(hash);
    const { busyTimeoutMs } = config;
    const log = { log: this.log.bind(this) };
    const clock = systemClock;
    const folder = projectFolder(this.home, hash);
    const store = openSessionStore({
      file: this.#storeFile(hash),
      project: { hash, path: root },
      clock,
      busyTimeoutMs,
    });
    const files = makeSessionFiles({ projectFolder: folder, projectRoot: root, log });
    const project: Project = {
      path: root,
      instance: this.#instance,
      depth: depthOf(process.env.MAOS_DEPTH),
      store,
      files,
      host: makeLocalAgentHost({
        folderOf: ({ sessionId, agentId }) => ({ folder: files.agentFolder(sessionId, agentId) }),
        locations: (agent) => files.locations(agent),
        clock,
        log,
      }),
      backends: this.#backends(config),
      slots: this.#slots(),
      instances: this.#instances(root),
      settings: toSettings(config),
      watcher: new ChangeWatcher(store, clock),
      clock,
      ids: this.#ids,
      log,
    };
    const opened = { project, supervisor: new Supervisor(project) };
    this.#open.set(hash, opened);
    return opened;
  }

  #backends(config: Config) {
    return makeBackends([
      makeClaudeBackend({ config: config.backends.claude, env: process.env }),
      makeCommandBackend(),
    ]);
  }

  #slots(): Project['slots'] {
    const slots = this.#machine().slots({
      instance: this.#instance,
      isHolderAlive: async ({ instance, process: agent }) =>
        (instance !== null && (await isAlive(instance))) || (agent !== null && (await isAlive(agent))),
    });
    return {
      tryTake: (agentId, sessionId, limit) => slots.tryTake(agentId, sessionId, limit),
      give: (agentId) => slots.give(agentId),
      bind: (agentId, where) => {
        if (isProcess(where)) slots.bind(agentId, where);
      },
    };
  }

  #instances(workspace: string): Instances {
    return {
      announce: () => {
        // One that failed is tried again: a disk may have been full for a moment.
        this.#announced ??= this.#announce(workspace).catch((error: unknown) => {
          this.#announced = null;
          throw error;
        });
        return this.#announced;
      },
      beat: (at) => this.#machine().heartbeat(this.#instance, at),
      isAlive: async (id) => {
        const instance = this.#machine()
          .list()
          .find((candidate) => candidate.id === id);
        return instance !== undefined && (await isAlive(instance));
      },
    };
  }

  async #announce(workspace: string): Promise<void> {
    const self = (await identify(process.pid)) as ProcessIdentity;
    const { version } = this;
    const info = { id: this.#instance, version, port: null, workspace, startedAt: this.#startedAt };
    this.#machine().register({ ...info, ...self });
    const living = this.#machine()
      .list()
      .map(({ id }) => logPath(this.home, id));
    const { maxFiles, maxBytes } = this.#config(undefined).config.log;
    const folder = dirname(logPath(this.home, this.#instance));
    pruneLogs({ folder, maxFiles, maxBytes, keep: new Set(living) }).catch((error: unknown) =>
      this.log('warn', 'old logs not removed', { error }),
    );
  }

  #machine(): InstanceRegistry {
    this.#registry ??= openInstanceRegistry({ file: join(this.home, 'instances.db') });
    return this.#registry;
  }

  #config(projectHash: string | undefined): LoadedConfig {
    return loadConfig({ home: this.home, projectHash, env: process.env, flags: this.#flags });
  }

  #storeFile(hash: string): string {
    return join(projectFolder(this.home, hash), 'project.db');
  }
}

/** How many teams this process is nested in; anything that is no number counts as none. */
function depthOf(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
}

function isProcess(where: Readonly<Record<string, unknown>>): where is ProcessIdentity & typeof where {
  return (
    typeof where.pid === 'number' && typeof where.startTime === 'string' && typeof where.bootId === 'string'
  );
}

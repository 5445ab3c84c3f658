import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitForSession } from '../../src/application/control/control.ts';
import { orchestrate } from '../../src/application/control/orchestrate.ts';
import { OrphanWatch } from '../../src/application/control/orphans.ts';
import type { Backend } from '../../src/application/ports/backend.ts';
import type { Clock } from '../../src/application/ports/clock.ts';
import type { HostCapacity } from '../../src/application/ports/host-capacity.ts';
import type { LogLevel } from '../../src/application/ports/log.ts';
import type { SessionFiles } from '../../src/application/ports/session-files.ts';
import type { Settings } from '../../src/application/ports/settings.ts';
import type { Teams } from '../../src/application/ports/teams.ts';
import type { Project } from '../../src/application/project.ts';
import { followEvents } from '../../src/application/queries/event-feed.ts';
import { type OwnershipTiming, Supervisor } from '../../src/application/session/supervisor.ts';
import type { Agent } from '../../src/domain/agent.ts';
import { noBudget } from '../../src/domain/budget.ts';
import type { EventType, RecordedEvent } from '../../src/domain/events.ts';
import type { SessionId } from '../../src/domain/ids.ts';
import { isSessionEnded, type ParentAgent } from '../../src/domain/session.ts';
import { makeCommandBackend } from '../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../src/infrastructure/backends/registry.ts';
import { systemClock } from '../../src/infrastructure/clock.ts';
import { loadConfig, toSettings } from '../../src/infrastructure/config/config.ts';
import { ensureProjectFolder, workspaceHash } from '../../src/infrastructure/files/home/home.ts';
import { makeRoleFiles } from '../../src/infrastructure/files/roles/role-files.ts';
import { makeIdSource } from '../../src/infrastructure/ids.ts';
import { InstanceRegistration } from '../../src/infrastructure/instances/instance-registration.ts';
import { makeProcessTable } from '../../src/infrastructure/process/tree/process-table.ts';
import { type AgentJson, type PlanJson, requestOf } from '../../src/presentation/contracts/plan-input.ts';
import { makeProject } from '../../src/project-adapters.ts';
import { fakeClaudeProgram } from './memory/fake-claude.ts';
import { MemoryMachine } from './memory/host.ts';

/** One MAOS process's view of a project, built as the program builds it. */
export interface RealProject {
  readonly project: Project;
  readonly supervisor: Supervisor;
  /** Not started. */
  readonly watch: OrphanWatch;
  readonly files: SessionFiles;
  readonly home: string;
  readonly root: string;
  /** The project's database. */
  readonly database: string;
  /** The log, newest last: 'level message error'. */
  readonly logged: string[];
  /** Cancels everything that is running, and closes everything. */
  close(): Promise<void>;
}

export interface RealProjectOptions {
  /** Two projects with the same folders act as two MAOS processes on one machine. Default: new folders. */
  readonly home?: string;
  readonly root?: string;
  readonly settings?: Partial<Settings>;
  /** In addition to the backend of commands; a function receives the project's folder. */
  readonly backends?: readonly Backend[] | ((root: string) => readonly Backend[]);
  readonly machine?: Partial<Pick<HostCapacity, 'freeMemoryMb' | 'totalMemoryMb'>>;
  readonly clock?: Clock;
  readonly depth?: number;
  readonly parent?: ParentAgent;
  readonly teams?: Teams;
  /** How long a change waits for other writers. Default 5000. */
  readonly storePatienceMs?: number;
  /** How soon an owner counts as gone; default: as in production. */
  readonly timing?: OwnershipTiming;
}

/** The host of the tests' agents: `MAOS_TEST_HOST=memory` for programs in memory instead of processes. */
const testHost = process.env.MAOS_TEST_HOST === 'memory' ? 'memory' : 'local';

/** Skips a test that only processes of the operating system can run. @param reason what it does with them */
export function lacksProcesses(t: TestContext, reason: string): boolean {
  if (testHost === 'memory') t.skip(reason);
  return testHost === 'memory';
}

const machines = new Map<string, MemoryMachine>();

/** The same machine for every MAOS of a home. */
function memoryMachine(home: string): MemoryMachine {
  const machine = machines.get(home) ?? new MemoryMachine(new Map([['fake-claude.mjs', fakeClaudeProgram]]));
  machines.set(home, machine);
  return machine;
}

const settings: Omit<Settings, 'notifications'> = {
  roles: new Map(),
  defaultBackend: 'command',
  maxConcurrentAgents: { machine: 50, session: null, role: null },
  maxDepth: 2,
  budgets: { agent: noBudget, session: noBudget },
  quota: { maxRetries: 3, baseDelayMs: 100, maxDelayMs: 1_000, autoResume: false, refusedMs: null },
  messagesPerMinute: null,
  limits: { stallMs: null, maxOutputBytes: null, afterResultMs: null, maxSubagents: null },
  approvals: { rules: [], expireMs: 1_800_000 },
  retention: { maxAgeMs: null, maxSessions: null, maxBytes: null, maxRefsAgeMs: null },
  stopGraceMs: 2_000,
  storePatienceMs: 5_000,
  allowCommands: [],
};

/** A project in its own folders; cancelled, closed and removed after the test. */
export function realProject(t: TestContext, options: RealProjectOptions = {}): RealProject {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-app-')));
  const home = options.home ?? join(folder, 'home');
  const root = options.root ?? join(folder, 'project');
  mkdirSync(root, { recursive: true });
  const real = openRealProject({ ...options, home, root });
  t.after(async () => {
    await real.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  return real;
}

export function openRealProject(
  options: RealProjectOptions & { readonly home: string; readonly root: string },
): RealProject {
  const { home, root, storePatienceMs = settings.storePatienceMs } = options;
  const { clock = systemClock, backends = [] } = options;
  const own = typeof backends === 'function' ? backends(root) : backends;
  const hash = workspaceHash(root);
  const projectFolder = ensureProjectFolder(home, hash);
  const database = join(projectFolder, 'project.db');
  const logged: string[] = [];
  const log = {
    log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void logged.push(`${level} ${message} ${fields.error ?? ''}`.trimEnd()),
  };
  const table = makeProcessTable();
  const registration = new InstanceRegistration(home, 'test');
  const { config } = loadConfig({ home, projectHash: hash, env: {}, flags: {} });
  const { notifications } = toSettings(config);
  const project = makeProject({
    carryOut: async () => assert.fail('no agent is on another machine'),
    ...{ home, hash, root, registration, log },
    config,
    ids: makeIdSource(),
    instances: {
      announce: () => registration.announce(root),
      beat: (at) => registration.beat(at),
      isAlive: (id) => registration.isAlive(id),
      heardAt: (id) => registration.heardAt(id),
    },
    teams: options.teams ?? { note: () => {}, ask: async () => {} },
    parts: {
      depth: options.depth ?? 0,
      parent: options.parent ?? null,
      // This process is a test, and cannot be started as `maos agent`.
      agentServer: null,
      // The home also stands for the user's own folder, so that roles of the user who runs the tests are not found.
      roles: makeRoleFiles({ home, env: { HOME: home } }),
      backends: makeBackends([makeCommandBackend(), ...own]),
      settings: { ...settings, notifications, storePatienceMs, ...options.settings },
      clock,
      // Always a new snapshot, because a test may let less time pass than a cached one would last.
      samplingTable: { snapshot: () => table.snapshot(), recent: () => table.snapshot() },
      ...(testHost === 'memory' ? { host: memoryMachine(home).host(root) } : {}),
    },
  });
  Object.assign(project.host.capacity, options.machine);
  const { store } = project;
  const supervisor = new Supervisor(project, options.timing);
  const watch = new OrphanWatch(project, supervisor);
  async function close(): Promise<void> {
    watch.stop();
    // The product's timers do not keep the process running; a test must wait for them.
    const alive = setInterval(() => {}, 1_000);
    for (const id of supervisor.owned) {
      if (isSessionEnded(store.summary(id).session.state)) continue;
      store.request(
        { sessionId: id, agentId: null, desired: 'cancelled', reason: 'The test is over.' },
        'test',
        project.clock.now(),
      );
    }
    project.watcher.notify();
    // A session that does not end must not prevent a failed test from reporting.
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, 15_000, 'still running');
    });
    const left = await Promise.race([supervisor.idle(), patience]);
    clearTimeout(timer);
    clearInterval(alive);
    project.notifications.stop();
    store.close();
    registration.close();
    assert.equal(left, undefined, `${supervisor.owned} could not be ended`);
  }
  return { project, supervisor, watch, files: project.files, home, root, database, logged, close };
}

/** An agent that runs a shell line. */
export function shell(name: string, command: string, more: Partial<AgentJson> = {}): AgentJson {
  return { name, role: 'tester', task: `Run ${name}.`, command, ...more };
}

/** Starts a team as from a terminal. */
export async function start(
  real: RealProject,
  agents: readonly AgentJson[],
  more: Partial<PlanJson> = {},
): Promise<SessionId> {
  const request = requestOf({ objective: 'See it work.', agents: [...agents], ...more });
  const { workflow } = await orchestrate(real.project, real.supervisor, request, 'terminal');
  return workflow.session.id;
}

/** Starts a team and waits until it has ended and this MAOS has released it. */
export async function run(
  real: RealProject,
  agents: readonly AgentJson[],
  more: Partial<PlanJson> = {},
): Promise<Outcome> {
  return settled(real, await start(real, agents, more));
}

/** A session according to its store and its events. */
export interface Outcome {
  readonly id: SessionId;
  readonly state: string;
  readonly events: readonly RecordedEvent[];
  agent(name: string): Agent;
  /** The events of a type, for the named agent if there is a name. */
  of<T extends EventType>(type: T, name?: string): readonly Extract<RecordedEvent, { type: T }>[];
}

/** Waits until the session has ended or paused, at most a minute. */
export async function settled(real: RealProject, id: SessionId): Promise<Outcome> {
  const signal = AbortSignal.timeout(60_000);
  const { settled } = await waitForSession(real.project, id, { signal });
  const found = outcome(real, id);
  assert.ok(settled, `still ${found.state}: ${found.events.map(({ type }) => type).join(' ')}`);
  if (real.supervisor.owned.includes(id)) await real.supervisor.idle();
  return outcome(real, id);
}

export function outcome({ project: { store } }: RealProject, id: SessionId): Outcome {
  const { session, agents } = store.load(id);
  const events = store.events(id, 0, 100_000);
  return {
    id,
    state: session.state,
    events,
    agent: (name) => {
      const agent = agents.find((candidate) => candidate.name === name);
      assert.ok(agent, `no agent ${name}`);
      return agent;
    },
    of: <T extends EventType>(type: T, name?: string) =>
      events.filter(
        (event): event is Extract<RecordedEvent, { type: T }> =>
          event.type === type && (name === undefined || ('name' in event.data && event.data.name === name)),
      ),
  };
}

/** Waits for an event of a session, past or future, for at most 30 s. */
export async function eventOf<T extends EventType>(
  real: RealProject,
  id: SessionId,
  type: T,
  name?: string,
): Promise<Extract<RecordedEvent, { type: T }>> {
  const stop = AbortSignal.timeout(30_000);
  for await (const _ of followEvents(real.project, id, 0, stop)) {
    const [found] = outcome(real, id).of(type, name);
    if (found !== undefined) return found;
  }
  const { events } = outcome(real, id);
  assert.fail(`no ${type} of ${name}: ${events.map((event) => JSON.stringify(event)).join('\n')}`);
}

import { dirname, join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { ChangeWatcher } from './application/change-watcher.ts';
import { NotificationSender } from './application/notifications/notification-sender.ts';
import type { AgentHost } from './application/ports/agent-host.ts';
import type { Backend } from './application/ports/backend.ts';
import type { IdSource } from './application/ports/id-source.ts';
import type { Instances } from './application/ports/instances.ts';
import type { Log } from './application/ports/log.ts';
import type { SendNotification } from './application/ports/notifications.ts';
import type { RoleSources } from './application/ports/roles.ts';
import type { CarryOut } from './application/ports/team-calls.ts';
import type { Teams } from './application/ports/teams.ts';
import type { WorkRefs } from './application/ports/work-refs.ts';
import type { Workspaces } from './application/ports/workspaces.ts';
import type { Project } from './application/project.ts';
import { isAgentId, isSessionId } from './domain/ids.ts';
import { notificationKindOf, type OutsideWay, outsideWays } from './domain/notification.ts';
import type { ParentAgent } from './domain/session.ts';
import { makeAgentClientBackend } from './infrastructure/backends/agent-client/backend.ts';
import { makeClaudeBackend } from './infrastructure/backends/claude/backend.ts';
import { makeCodexBackend } from './infrastructure/backends/codex/backend.ts';
import { makeCommandBackend } from './infrastructure/backends/command.ts';
import { makeCopilotBackend } from './infrastructure/backends/copilot/backend.ts';
import { makeCustomBackend } from './infrastructure/backends/custom/backend.ts';
import { makeGeminiBackend } from './infrastructure/backends/gemini/backend.ts';
import { makeOpencodeBackend } from './infrastructure/backends/opencode/backend.ts';
import { makeQwenBackend } from './infrastructure/backends/qwen/backend.ts';
import { makeBackends } from './infrastructure/backends/registry.ts';
import { systemClock } from './infrastructure/clock.ts';
import { toSettings } from './infrastructure/config/config.ts';
import type { Config } from './infrastructure/config/settings-table.ts';
import { makeAgentIdentity } from './infrastructure/files/home/agent-identity.ts';
import { projectFolder } from './infrastructure/files/home/home.ts';
import { sessionLayout } from './infrastructure/files/home/layout.ts';
import { makeRoleFiles } from './infrastructure/files/roles/role-files.ts';
import { makeSessionFiles } from './infrastructure/files/session/session-files.ts';
import { withPools } from './infrastructure/fleet/pools.ts';
import { type InstanceRegistration, isSlotHeld } from './infrastructure/instances/instance-registration.ts';
import { makeCommand } from './infrastructure/notifications/command.ts';
import type { WebhookOptions } from './infrastructure/notifications/webhook.ts';
import { makeAgentDisk } from './infrastructure/process/host/agent-disk.ts';
import { makeLocalAgentHost } from './infrastructure/process/host/local-agent-host.ts';
import { makeLocalCapacity } from './infrastructure/process/host/local-capacity.ts';
import { environmentWithout } from './infrastructure/process/launch/environment.ts';
import { agentEnvironment } from './infrastructure/process/tree/enclosing-agent.ts';
import { makeMachine } from './infrastructure/process/tree/machine.ts';
import type { ProcessTable } from './infrastructure/process/tree/process-table.ts';
import { openSessionStore } from './infrastructure/sqlite/session-store.ts';
import { watchDatabase } from './infrastructure/sqlite/watch-database.ts';

export function storeFile(home: string, hash: string): string {
  return join(projectFolder(home, hash), 'project.db');
}

/** Parts that can be replaced. */
type ProjectParts = Pick<
  Project,
  'agentServer' | 'depth' | 'parent' | 'roles' | 'host' | 'backends' | 'settings' | 'clock'
> & {
  /** The source of resource measurements. */
  readonly samplingTable: ProcessTable;
};

/** Opens a project with every adapter that its sessions need. @throws MaosError STORE_… */
export function makeProject(from: {
  readonly home: string;
  readonly hash: string;
  /** Canonical path of its folder. */
  readonly root: string;
  readonly config: Config;
  readonly registration: InstanceRegistration;
  readonly instances: Instances;
  readonly teams: Teams;
  readonly ids: IdSource;
  readonly log: Log;
  /** For agents on other machines. */
  readonly carryOut: CarryOut;
  readonly parts?: Partial<ProjectParts>;
}): Project {
  const { home, hash, root, config, registration, instances, teams, ids, log, carryOut, parts = {} } = from;
  const { clock = systemClock, settings = toSettings(config) } = parts;
  const file = storeFile(home, hash);
  const store = openSessionStore({
    file,
    project: { hash, path: root },
    clock,
    notifyBy: (type) => {
      const kind = notificationKindOf(type);
      const ways = kind === null ? [] : settings.notifications.ways[kind];
      return outsideWays.filter((way) => ways.includes(way));
    },
    onTightened: (file, mode) =>
      log.log('warn', 'a file was readable by other users; removed the permission', {
        file,
        from: mode.toString(8),
      }),
  });
  const places = { projectFolder: projectFolder(home, hash), projectRoot: root };
  const inherited = { environment: environmentFor(config), passedVariables: config.environment.pass };
  const identity = makeAgentIdentity(places.projectFolder);
  const makeHost = (): AgentHost => {
    const disk = makeAgentDisk({ ...places, log });
    const local = makeLocalAgentHost({
      disk,
      capacity: makeLocalCapacity(makeMachine(), slotsOf(registration)),
      ...inherited,
      maxOutputBytes: settings.limits.maxOutputBytes,
      clock,
      log,
      ...(parts.samplingTable === undefined ? {} : { samplingTable: parts.samplingTable }),
    });
    return withPools(local, async () => {
      const { makePoolHost } = await import('./pool-host.ts');
      const folderOf = disk.folderOf;
      return makePoolHost({
        ...{ config, clock, log, project: hash, folderOf, ...places },
        carryOut: ({ sessionId, agentId, attempt }, call, signal) => {
          const env = {
            MAOS_AGENT_ID: agentId,
            MAOS_AGENT_ATTEMPT: String(attempt),
            MAOS_AGENT_TOKEN: identity.tokenOf(agentId, attempt),
            MAOS_SESSION_ID: sessionId,
            MAOS_PROJECT_ROOT: root,
          };
          return carryOut(env, call, signal);
        },
      });
    });
  };
  const around = agentEnvironment(process.env, home) ?? process.env;
  const made = {
    path: root,
    instance: registration.instance,
    depth: parts.depth ?? depthOf(around.MAOS_DEPTH),
    parent: parts.parent === undefined ? parentOf(around) : parts.parent,
    store,
    files: makeSessionFiles({ ...places, ...inherited }),
    roles: parts.roles ?? rolesFor(home),
    host: parts.host ?? makeHost(),
    workspaces: loadedLate<Workspaces>(async () => {
      const { makeWorkspaces } = await import('./infrastructure/git/workspaces.ts');
      return makeWorkspaces({ layout: sessionLayout(places.projectFolder), environment: process.env });
    }),
    workRefs: loadedLate<WorkRefs>(async () => {
      const { makeWorkRefs } = await import('./infrastructure/git/work-refs.ts');
      return makeWorkRefs({ projectsFolder: dirname(places.projectFolder), environment: process.env });
    }),
    identity,
    agentServer: parts.agentServer === undefined ? teamServerOf(home) : parts.agentServer,
    backends: parts.backends ?? backendsOf(config),
    instances,
    teams,
    settings,
    watcher: new ChangeWatcher(store, clock, {
      watchStore: (onWrite, onLost) => watchDatabase(file, onWrite, onLost),
    }),
    clock,
    ids,
    log,
  };
  return { ...made, notifications: new NotificationSender(made, sendersOf(config, home)) };
}

/** Methods that load their code when the first one is called: a server has to start fast. All of them are asynchronous. */
function loadedLate<T extends object>(load: () => Promise<T>): T {
  let made: Promise<T> | null = null;
  const methods = {
    get:
      (_: unknown, name: keyof T) =>
      async (...args: unknown[]): Promise<unknown> => {
        made ??= load();
        return ((await made)[name] as (...args: unknown[]) => unknown)(...args);
      },
  };
  return new Proxy({} as T, methods as ProxyHandler<T>);
}

/** Commands run in MAOS's home, because a project's folder may be removed in the meantime. */
export function sendersOf(config: Config, home: string): Readonly<Record<OutsideWay, SendNotification>> {
  const { command, webhook } = config.notifications;
  return {
    command: command === null ? notSet : makeCommand({ command, cwd: home, env: process.env }),
    webhook:
      webhook.url === null
        ? notSet
        : webhookLoadedLate({
            url: webhook.url,
            secret: webhook.secret,
            version: manifest.version,
            clock: systemClock,
          }),
  };
}

/** Most users have no webhook, and Node's HTTP modules take long to load. */
function webhookLoadedLate(options: WebhookOptions): SendNotification {
  let made: Promise<SendNotification> | null = null;
  return async (message, signal) => {
    made ??= import('./infrastructure/notifications/webhook.ts').then(({ makeWebhook }) =>
      makeWebhook(options),
    );
    return (await made)(message, signal);
  };
}

const notSet: SendNotification = async () => ({ type: 'refused', reason: 'it is not set any more' });

export function rolesFor(home: string): RoleSources {
  return makeRoleFiles({ home, env: process.env });
}

export function backendsOf(config: Config): Project['backends'] {
  return makeBackends([
    makeClaudeBackend({ config: config.backends.claude, env: environmentFor(config) }),
    makeCodexBackend({ config: config.backends.codex, env: environmentFor(config) }),
    makeGeminiBackend({ config: config.backends.gemini, env: environmentFor(config) }),
    makeQwenBackend({ config: config.backends.qwen, env: environmentFor(config) }),
    makeOpencodeBackend({ config: config.backends.opencode, env: environmentFor(config) }),
    makeCopilotBackend({ config: config.backends.copilot, env: environmentFor(config) }),
    makeCommandBackend(),
    ...agentClients(config),
    ...customBackends(config),
  ]);
}

/** The server that connects an agent to its team. */
export function teamServerOf(home: string): NonNullable<Project['agentServer']> {
  return { ...ownCommand('agent'), env: { MAOS_HOME: home } };
}

/** How this program is started again. */
function ownCommand(...args: readonly string[]): { command: string; args: readonly string[] } {
  return { command: process.execPath, args: [...process.execArgv, process.argv[1] as string, ...args] };
}

/** One backend per program in the settings; this maos, started again, is the bridge to it. */
function agentClients(config: Config): readonly Backend[] {
  const env = environmentFor(config);
  const { command: program, args } = ownCommand();
  const bridge = { program, args };
  return Object.entries(config.backends.agentClient).map(([name, settings]) =>
    makeAgentClientBackend({ name, config: settings, env, bridge }),
  );
}

/** One backend per CLI in the settings. */
function customBackends(config: Config): readonly Backend[] {
  const env = environmentFor(config);
  return Object.entries(config.backends.custom).map(([name, settings]) =>
    makeCustomBackend({ name, config: settings, env }),
  );
}

/** The environment that agents may inherit from; a withheld variable counts as not set. */
export function environmentFor({ environment }: Config): Readonly<Record<string, string>> {
  return environmentWithout(process.env, environment.withhold);
}

/** The machine's slots for this process. Created again when the registry's file was replaced. */
function slotsOf(registration: InstanceRegistration) {
  const makeSlots = (registry: InstanceRegistration['registry']) => ({
    registry,
    slots: registry.slots({ instance: registration.instance, isHolderAlive: isSlotHeld }),
  });
  let made: ReturnType<typeof makeSlots> | null = null;
  return () => {
    const { registry } = registration;
    if (made?.registry !== registry) made = makeSlots(registry);
    return made.slots;
  };
}

/** The nesting depth of this process; 0 if the text is not a number. */
function depthOf(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
}

/** The agent that this process belongs to. */
function parentOf({
  MAOS_SESSION_ID: sessionId = '',
  MAOS_AGENT_ID: agentId = '',
}: Readonly<Record<string, string | undefined>>): ParentAgent | null {
  return isSessionId(sessionId) && isAgentId(agentId) ? { sessionId, agentId } : null;
}

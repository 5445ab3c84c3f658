import { join } from 'node:path';
import { ChangeWatcher } from './application/change-watcher.ts';
import type { IdSource } from './application/ports/id-source.ts';
import type { Log } from './application/ports/log.ts';
import type { Instances } from './application/ports/machine.ts';
import type { RoleSources } from './application/ports/roles.ts';
import type { Teams } from './application/ports/teams.ts';
import type { Project } from './application/project.ts';
import { isAgentId, isSessionId } from './domain/ids.ts';
import type { ParentAgent } from './domain/session.ts';
import { makeClaudeBackend } from './infrastructure/backends/claude.ts';
import { makeCommandBackend } from './infrastructure/backends/command.ts';
import { makeBackends } from './infrastructure/backends/registry.ts';
import { systemClock } from './infrastructure/clock.ts';
import { toSettings } from './infrastructure/config/config.ts';
import type { Config } from './infrastructure/config/settings-table.ts';
import { projectFolder } from './infrastructure/files/home/home.ts';
import { makeRoleFiles } from './infrastructure/files/roles/role-files.ts';
import { makeSessionFiles } from './infrastructure/files/session/session-files.ts';
import { type InstanceRegistration, isSlotHeld } from './infrastructure/instances/instance-registration.ts';
import { makeLocalAgentHost } from './infrastructure/process/host/local-agent-host.ts';
import { environmentWithout } from './infrastructure/process/launch/environment.ts';
import type { ProcessIdentity } from './infrastructure/process/tree/identity.ts';
import { makeMachine } from './infrastructure/process/tree/machine.ts';
import { openSessionStore } from './infrastructure/sqlite/session-store.ts';

/** The database of a project. */
export function storeFile(home: string, hash: string): string {
  return join(projectFolder(home, hash), 'project.db');
}

/** Opens a project with every adapter its sessions need. @throws MaosError STORE_… */
export function makeProject(from: {
  readonly home: string;
  readonly hash: string;
  /** Canonical path of its folder. */
  readonly root: string;
  readonly config: Config;
  readonly presence: InstanceRegistration;
  readonly instances: Instances;
  readonly teams: Teams;
  readonly ids: IdSource;
  readonly log: Log;
}): Project {
  const { home, hash, root, config, presence, instances, teams, ids, log } = from;
  const clock = systemClock;
  const store = openSessionStore({
    file: storeFile(home, hash),
    project: { hash, path: root },
    clock,
    onTightened: (file, mode) =>
      log.log('warn', 'a file was open to others; closed it', { file, from: mode.toString(8) }),
  });
  const settings = toSettings(config);
  const inherited = { environment: environmentFor(config), passedVariables: config.environment.pass };
  const files = makeSessionFiles({
    ...{ projectFolder: projectFolder(home, hash), projectRoot: root, log },
    ...inherited,
  });
  return {
    path: root,
    instance: presence.instance,
    depth: depthOf(process.env.MAOS_DEPTH),
    parent: parentOf(process.env),
    store,
    files,
    roles: rolesFor(home),
    host: makeLocalAgentHost({
      folderOf: ({ sessionId, agentId }) => ({ folder: files.agentFolder(sessionId, agentId) }),
      ...inherited,
      maxOutputBytes: settings.limits.maxOutputBytes,
      clock,
      log,
    }),
    backends: backendsOf(config),
    slots: slotsOf(presence),
    instances,
    teams,
    machine: makeMachine(),
    settings,
    watcher: new ChangeWatcher(store, clock),
    clock,
    ids,
    log,
  };
}

export function rolesFor(home: string): RoleSources {
  return makeRoleFiles({ home, env: process.env });
}

export function backendsOf(config: Config): Project['backends'] {
  return makeBackends([
    makeClaudeBackend({ config: config.backends.claude, env: environmentFor(config) }),
    makeCommandBackend(),
  ]);
}

/** What agents may inherit of: a variable that is withheld is as good as not set. */
function environmentFor({ environment }: Config): Readonly<Record<string, string>> {
  return environmentWithout(process.env, environment.withhold);
}

function slotsOf(presence: InstanceRegistration): Project['slots'] {
  const makeSlots = (registry: InstanceRegistration['registry']) => ({
    registry,
    slots: registry.slots({ instance: presence.instance, isHolderAlive: isSlotHeld }),
  });
  let made: ReturnType<typeof makeSlots> | null = null;
  // The registry is another one when its file was replaced.
  const current = () => {
    const { registry } = presence;
    if (made?.registry !== registry) made = makeSlots(registry);
    return made.slots;
  };
  return {
    tryTake: (agentId, sessionId, limit) => current().tryTake(agentId, sessionId, limit),
    give: (agentId) => current().give(agentId),
    bind: (agentId, { kind, data }) => {
      if (kind === 'local' && isProcess(data)) current().bind(agentId, data);
    },
  };
}

/** How many teams this process is nested in; anything that is no number counts as none. */
function depthOf(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
}

/** The agent that this process is part of. */
function parentOf({ MAOS_SESSION_ID: sessionId = '', MAOS_AGENT_ID: agentId = '' }): ParentAgent | null {
  return isSessionId(sessionId) && isAgentId(agentId) ? { sessionId, agentId } : null;
}

function isProcess(where: Readonly<Record<string, unknown>>): where is ProcessIdentity & typeof where {
  return (
    typeof where.pid === 'number' &&
    typeof where.startTime === 'string' &&
    typeof where.bootId === 'string' &&
    typeof where.place === 'string'
  );
}

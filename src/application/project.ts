import type { InstanceId } from '../domain/ids.ts';
import type { ParentAgent } from '../domain/session.ts';
import type { ChangeWatcher } from './change-watcher.ts';
import type { AgentHost } from './ports/agent-host.ts';
import type { AgentIdentity } from './ports/agent-identity.ts';
import type { Backends, TeamServer } from './ports/backend.ts';
import type { Clock } from './ports/clock.ts';
import type { IdSource } from './ports/id-source.ts';
import type { Instances } from './ports/instances.ts';
import type { Log } from './ports/log.ts';
import type { Outbox } from './ports/notifications.ts';
import type { RoleSources } from './ports/roles.ts';
import type { SessionFiles } from './ports/session-files.ts';
import type { SessionStore } from './ports/session-store.ts';
import type { Settings } from './ports/settings.ts';
import type { Teams } from './ports/teams.ts';
import type { WorkRefs } from './ports/work-refs.ts';
import type { Workspaces } from './ports/workspaces.ts';

/**
 * Everything that use cases of one project need. Created in `project-adapters.ts`; use cases name the parts they need.
 */
export interface Project {
  /** Canonical path of the project's folder. */
  readonly path: string;
  /** This running MAOS. */
  readonly instance: InstanceId;
  /** Nesting depth of this MAOS: 0 if a person or client started it. */
  readonly depth: number;
  /** The agent that this MAOS runs in; null if a person or client started it. */
  readonly parent: ParentAgent | null;
  readonly store: SessionStore;
  readonly files: SessionFiles;
  readonly roles: RoleSources;
  readonly host: AgentHost;
  readonly workspaces: Workspaces;
  readonly identity: AgentIdentity;
  /** How this MAOS is started again as the server of an agent's team; null: agents are given none. */
  readonly agentServer: Pick<TeamServer, 'command' | 'args' | 'env'> | null;
  readonly backends: Backends;
  readonly instances: Instances;
  readonly teams: Teams;
  readonly workRefs: WorkRefs;
  readonly settings: Settings;
  readonly notifications: Outbox;
  readonly watcher: ChangeWatcher;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

import { join } from 'node:path/posix';
import type { AgentLocations } from '../../application/ports/agent-disk.ts';
import type { AgentHost, LaunchKey } from '../../application/ports/agent-host.ts';
import { orderedFolder } from '../../application/ports/hosting.ts';
import type { Agent } from '../../domain/agent.ts';
import type { Session } from '../../domain/session.ts';
import type { RemoteHost } from './remote-agent-host.ts';

/**
 * Agents of pools run on the host that takes the offer. Other agents, and all files, stay with the local host.
 * @param load the hosts of pools, whose code few need
 */
export function withPools(local: AgentHost, load: () => Promise<RemoteHost>): AgentHost {
  let loading: Promise<RemoteHost> | null = null;
  const remote = (): Promise<RemoteHost> => {
    loading ??= load();
    return loading;
  };
  const isRemote = (agent: Pick<Agent, 'pool'>, key?: LaunchKey): boolean =>
    agent.pool !== null && key?.check === undefined;
  return {
    ...local,
    forget: async (id) => (await remote()).forget(id),
    order: async (key, order, sink) => (await remote()).order(key, order, sink),
    locations: (session, agent) =>
      isRemote(agent) ? orderedLocations(session, agent) : local.locations(session, agent),
    attach: async (key, agent, sink) =>
      (isRemote(agent, key) ? await remote() : local).attach(key, agent, sink),
  };
}

/** Locations under a placeholder, which the host replaces with its own folder. */
function orderedLocations(session: Session, agent: Agent): AgentLocations {
  const all = orderedFolder(session.id);
  const own = join(all, 'agents', agent.id);
  const workspace = join(own, 'workspace');
  const root = agent.workspace === 'worktree' ? join(own, 'worktree') : workspace;
  return {
    session: all,
    projectRoot: root,
    workingDirectory: root,
    workspace,
    sharedContext: join(all, 'shared/context'),
    results: join(all, 'results', agent.name),
    messages: join(all, 'shared/messages'),
    artifact: (path) => join(all, path),
  };
}

import type { Agent } from '../../domain/agent.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import type { AgentProcess, Runtime, UnreadProject } from '../runtime.ts';

/** An agent's processes, with what the stores know of the agent. */
export interface CountedAgent {
  readonly process: AgentProcess;
  /** Null: no store here knows it. It belongs to a MAOS with another home. */
  readonly known: {
    readonly project: Project;
    readonly agent: Agent;
    readonly session: SessionState;
    /** `none`: nobody owns its session. `gone`: the process of its owner has ended. */
    readonly owner: 'alive' | 'gone' | 'none';
    /** ISO 8601; null when it has printed nothing. */
    readonly lastOutputAt: string | null;
  } | null;
  /** They should not be there: their agent is not running by what is stored. */
  readonly stray: boolean;
}

/**
 * Every agent with processes on this machine, the oldest first, over all projects.
 * @param watchMs for so long CPU use is watched; 0: it is not told
 * @param onUnread is told of each project that could not be read: agents of it are among those that are not known
 */
export async function countAgents(
  runtime: Runtime,
  watchMs: number,
  onUnread?: (project: UnreadProject) => void,
): Promise<readonly CountedAgent[]> {
  const processes = await runtime.agentProcesses(watchMs);
  if (processes.length === 0) return [];
  const wanted = new Set(processes.map(({ agentId }) => agentId));
  const found = new Map<string, CountedAgent['known']>();
  for await (const { project } of runtime.allProjects(onUnread)) {
    const sessions = new Map<string, { workflow: Workflow; owner: 'alive' | 'gone' | 'none' }>();
    for (const id of wanted) {
      const match = project.store.findAgents(id, 1)[0];
      if (match?.agentId !== id) continue;
      const { sessionId } = match;
      const session = sessions.get(sessionId) ?? {
        workflow: project.store.load(sessionId),
        owner: await ownerOf(project, sessionId),
      };
      sessions.set(sessionId, session);
      const agent = session.workflow.agents.find((member) => member.id === id) as Agent;
      const lastOutputAt = await project.host.lastOutputAt(agent);
      const { state } = session.workflow.session;
      found.set(id, { project, agent, session: state, owner: session.owner, lastOutputAt });
      wanted.delete(id);
    }
  }
  return processes.map((process) => {
    const known = found.get(process.agentId) ?? null;
    return { process, known, stray: known !== null && known.agent.state !== 'running' };
  });
}

async function ownerOf(project: Project, id: Agent['sessionId']): Promise<'alive' | 'gone' | 'none'> {
  const owner = project.store.ownerOf(id);
  if (owner === null) return 'none';
  return (await project.instances.isAlive(owner)) ? 'alive' : 'gone';
}

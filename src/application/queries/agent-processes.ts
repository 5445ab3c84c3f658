import type { Agent } from '../../domain/agent.ts';
import type { SessionState } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import type { AgentProcess, Runtime, UnreadProject } from '../runtime.ts';

/** An agent's processes, with what the stores say about the agent. */
export interface CountedAgent {
  readonly process: AgentProcess;
  /** Null: unknown to the stores here. It belongs to a MAOS with another home. */
  readonly known: {
    readonly project: Project;
    readonly agent: Agent;
    readonly session: SessionState;
    /** `none`: its session has no owner. `gone`: the owner's process has ended. */
    readonly owner: 'alive' | 'gone' | 'none';
    /** ISO 8601; null when it has not printed anything. */
    readonly lastOutputAt: string | null;
  } | null;
  /** Whether the agent is not stored as running, so that its processes are left over. */
  readonly stray: boolean;
}

/**
 * Every agent with processes on this machine, oldest first, across all projects.
 * @param watchMs interval over which CPU use is measured; 0: not measured
 * @param onUnread called with each project that could not be read; its agents count as unknown
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

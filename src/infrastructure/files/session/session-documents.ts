import type { Agent } from '../../../domain/agent.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { totalUsage } from '../../../domain/usage.ts';
import type { Workflow } from '../../../domain/workflow.ts';

function document(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** `metadata.json`: an overview of a session and its agents for people and tools. The database is authoritative. */
export function metadataOf(workflow: Workflow, projectRoot: string): string {
  const names = new Map(workflow.agents.map((agent) => [agent.id, agent.name]));
  return document({
    version: 1,
    projectRoot,
    session: workflow.session,
    progress: progressOf(workflow.agents),
    usage: totalUsage(workflow.agents.map((agent) => agent.usage)),
    phases: workflow.phases,
    agents: workflow.agents.map((agent) => ({
      id: agent.id,
      name: agent.name,
      role: agent.role.name,
      backend: agent.backend,
      phase: agent.phase,
      dependsOn: agent.dependsOn.map((id) => names.get(id) ?? id),
      state: agent.state,
      attempt: agent.attempt,
      work: agent.work,
      failure: agent.failure === null ? null : { kind: agent.failure.kind, message: agent.failure.message },
      startedAt: agent.startedAt,
      endedAt: agent.endedAt,
    })),
  });
}

/** `info.json`: what an agent is and was asked to do. Its progress is in `metadata.json`. */
export function infoOf(agent: Agent): string {
  const {
    state: _,
    failure: __,
    result: ___,
    usage: ____,
    startedAt: _____,
    endedAt: ______,
    work: _______,
    proof: ________,
    ...plan
  } = agent;
  return document({ version: 1, agent: plan });
}

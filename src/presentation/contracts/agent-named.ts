import type { Agent } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { Workflow } from '../../domain/workflow.ts';

/** @param name or its full id @throws MaosError AGENT_NOT_FOUND, which names the session's agents */
export function agentNamed({ session, agents }: Workflow, name: string): Agent {
  const agent = agents.find((member) => member.name === name || member.id === name);
  if (agent !== undefined) return agent;
  throw new MaosError(
    'AGENT_NOT_FOUND',
    `Session ${session.id} has no agent named ${quote(name)}. Its agents: ${agents.map((member) => member.name).join(', ')}.`,
    { details: { sessionId: session.id, name } },
  );
}

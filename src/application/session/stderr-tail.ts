import type { Agent } from '../../domain/agent.ts';
import type { AgentDisk } from '../ports/agent-disk.ts';
import type { Log } from '../ports/log.ts';

const maxBytes = 4_096;
const maxLines = 20;

/** The last lines of the agent's stderr; empty if there are none, or they cannot be read. */
export async function readStderrTail(agent: Agent, host: AgentDisk, log: Log): Promise<string> {
  try {
    const page = await host.readOutput(agent, 'stderr', -maxBytes, maxBytes);
    return new TextDecoder().decode(page.bytes).trimEnd().split('\n').slice(-maxLines).join('\n');
  } catch (error) {
    // The agent's end must be recorded, with or without these lines.
    const { id, sessionId } = agent;
    log.log('warn', `stderr of agent ${id} could not be read`, { session: sessionId, error });
    return '';
  }
}

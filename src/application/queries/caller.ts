import { MaosError, quote } from '../../domain/errors.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../domain/ids.ts';
import type { Project } from '../project.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The agent that a process speaks for. */
export interface Caller {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
}

const variables = ['MAOS_AGENT_ID', 'MAOS_AGENT_TOKEN', 'MAOS_AGENT_ATTEMPT'] as const;

/** Whether the environment is that of an agent's process, genuine or not: then nothing is done in a person's name. */
export function isOfAgent(env: Environment): boolean {
  return variables.some((name) => (env[name] ?? '') !== '');
}

/**
 * Whom a process speaks for, by its environment. Whoever has the environment of an agent is that agent, or nobody.
 * @returns null for a person, or a program that no agent started
 * @throws MaosError FORBIDDEN for an agent that the token is not for, that does not run, or not in this attempt
 */
export function callerOf(project: Pick<Project, 'store' | 'identity'>, env: Environment): Caller | null {
  if (!isOfAgent(env)) return null;
  const { MAOS_AGENT_ID: agentId = '', MAOS_AGENT_TOKEN: token = '', MAOS_SESSION_ID: sessionId = '' } = env;
  const missing = [...variables, 'MAOS_SESSION_ID'].filter((name) => (env[name] ?? '') === '');
  if (missing.length > 0) {
    throw forbidden(
      `This is part of an agent's environment, but ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set. Pass on all MAOS_* variables that MAOS has given to the agent.`,
      agentId,
    );
  }
  const attempt = attemptOf(env.MAOS_AGENT_ATTEMPT);
  const isGenuine =
    attempt !== null && isAgentId(agentId) && project.identity.isValid(agentId, attempt, token);
  if (!isGenuine || !isSessionId(sessionId)) {
    throw forbidden(
      `MAOS_AGENT_TOKEN is not the token of agent ${quote(agentId)} in attempt ${quote(env.MAOS_AGENT_ATTEMPT)} here. An agent can speak only for itself: use the MAOS_* variables that it was given, unchanged, and its own project.`,
      agentId,
    );
  }
  assertRunning(project, { sessionId, agentId, attempt });
  return { sessionId, agentId, attempt };
}

/** @throws MaosError FORBIDDEN */
function assertRunning({ store }: Pick<Project, 'store'>, { sessionId, agentId, attempt }: Caller): void {
  const [found] = store.findAgents(agentId, 1);
  const agent =
    found?.sessionId === sessionId
      ? store.load(sessionId).agents.find(({ id }) => id === agentId)
      : undefined;
  if (agent === undefined) {
    throw forbidden(`Session ${sessionId} of this project has no agent ${agentId}.`, agentId);
  }
  if (agent.attempt !== attempt) {
    throw forbidden(
      `Agent ${agent.name} is in attempt ${agent.attempt}, and this process is of attempt ${attempt}: it can do nothing more in its name.`,
      agentId,
    );
  }
  if (agent.state !== 'running') {
    throw forbidden(
      `Agent ${agent.name} is ${agent.state}: its processes can do nothing more in its name.`,
      agentId,
    );
  }
}

function attemptOf(text: string | undefined): number | null {
  return text !== undefined && /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : null;
}

function forbidden(message: string, agentId: string): MaosError {
  return new MaosError('FORBIDDEN', message, { details: { agentId: agentId.slice(0, 200) } });
}

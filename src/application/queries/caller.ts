import { MaosError, quote } from '../../domain/errors.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../domain/ids.ts';
import { inState } from '../../domain/state-words.ts';
import type { Project } from '../project.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The agent that a process acts for. */
export interface Caller {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
}

const variables = ['MAOS_AGENT_ID', 'MAOS_AGENT_TOKEN', 'MAOS_AGENT_ATTEMPT'] as const;

/**
 * Whether the environment looks like that of an agent's process, genuine or not. Such a process never acts as the user.
 */
export function isOfAgent(env: Environment): boolean {
  return variables.some((name) => (env[name] ?? '') !== '');
}

/**
 * Which agent a process acts for, by its environment.
 * @returns null for the user, or a program that no agent started
 * @throws MaosError FORBIDDEN when the token does not match, or the agent is not running in this attempt
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
      `Agent ${agent.name} is in attempt ${agent.attempt}, but this process belongs to attempt ${attempt}: it can no longer act for the agent.`,
      agentId,
    );
  }
  if (agent.state !== 'running') {
    throw forbidden(
      `Agent ${agent.name} ${inState(agent.state)}: its processes can no longer act for it.`,
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

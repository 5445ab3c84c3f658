import type { Agent } from '../../domain/agent.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { Session } from '../../domain/session.ts';
import type { ProofSubject } from '../../domain/verification.ts';
import type { AgentLocations } from '../ports/agent-disk.ts';
import type { TeamServer } from '../ports/backend.ts';
import type { Project } from '../project.ts';

/**
 * On Linux a value of more than 128 KiB makes the start fail (MAX_ARG_STRLEN). A code unit takes at most three bytes of
 * UTF-8, so this is well below.
 */
const maxValueLength = 30_000;

/**
 * The `MAOS_*` variables of an agent.
 * @param token of `AgentIdentity`, with which the agent identifies itself
 */
export function agentEnvironment(
  session: Session,
  agent: Agent,
  locations: AgentLocations,
  token: string,
): Readonly<Record<string, string>> {
  const { role } = agent;
  return {
    MAOS_AGENT_ID: agent.id,
    MAOS_AGENT_ATTEMPT: String(agent.attempt),
    MAOS_AGENT_TOKEN: token,
    MAOS_AGENT_ROLE: role.name,
    MAOS_AGENT_INSTANCE: agent.instance,
    MAOS_SESSION_ID: session.id,
    MAOS_WORKSPACE: locations.workspace,
    MAOS_SHARED_CONTEXT: locations.sharedContext,
    MAOS_RESULTS: locations.results,
    MAOS_MESSAGE_DIR: locations.messages,
    MAOS_PROJECT_ROOT: locations.projectRoot,
    MAOS_SESSION_OBJECTIVE: environmentValue(session.objective),
    MAOS_SESSION_STRATEGY: session.strategy,
    ...(agent.timeoutMs === null ? {} : { MAOS_TIMEOUT_MINUTES: String(agent.timeoutMs / 60_000) }),
    ...(agent.maxMemoryMb === null ? {} : { MAOS_MAX_MEMORY_MB: String(agent.maxMemoryMb) }),
    // The depth of sessions that this agent starts: a nested MAOS uses the variable, and treats a missing one as 0.
    MAOS_DEPTH: String(session.depth + 1),
    // The team must not end with the agent that started it.
    ...(session.parent?.onEnd === 'keep' ? { MAOS_DETACHED: '1' } : {}),
    ...(role.custom === null
      ? {}
      : {
          MAOS_AGENT_ROLE_DESC: environmentValue(role.custom.description),
          MAOS_AGENT_ROLE_RESPONSIBILITIES: environmentValue(role.custom.responsibilities.join('\n')),
        }),
  };
}

/** The variables that tell an agent in a worktree where its work belongs. */
export function workVariables({ work }: Agent): Readonly<Record<string, string>> {
  return work === null ? {} : { MAOS_BRANCH: work.branch, MAOS_BASE_COMMIT: work.base };
}

/** The variables that tell a check what it checks. @param check its number */
export function checkVariables(
  agent: Agent,
  { commit }: ProofSubject,
  check: number,
): Readonly<Record<string, string>> {
  return {
    ...workVariables(agent),
    MAOS_VERIFY_CHECK: String(check),
    MAOS_VERIFY_ROUND: String(agent.proof?.round ?? 0),
    ...(commit === null ? {} : { MAOS_VERIFY_COMMIT: commit }),
    ...(agent.work === null ? {} : { MAOS_VERIFY_BASE: agent.work.base }),
  };
}

/** Free ports of this launch, from `MAOS_PORT_1` on. */
export function portVariables(ports: readonly number[]): Readonly<Record<string, string>> {
  return Object.fromEntries(ports.map((port, index) => [`MAOS_PORT_${index + 1}`, String(port)]));
}

/** The variables that tell `maos agent` which agent it serves. */
const identifying = ['MAOS_AGENT_ID', 'MAOS_AGENT_ATTEMPT', 'MAOS_SESSION_ID', 'MAOS_PROJECT_ROOT'];
const secret = ['MAOS_AGENT_TOKEN'];

/** @param variables those of {@link agentEnvironment} */
export function teamServerFor(
  server: Project['agentServer'],
  variables: Readonly<Record<string, string>>,
): TeamServer | null {
  if (server === null) return null;
  const told = identifying.map((name) => [name, variables[name] ?? '']);
  const { MAOS_AGENT_CALLS: calls } = variables;
  // On another machine than its home's, an agent has no secret.
  if (calls !== undefined) told.push(['MAOS_AGENT_CALLS', calls]);
  const passes = calls === undefined ? secret : [];
  return { ...server, env: { ...server.env, ...Object.fromEntries(told) }, passes };
}

/** Text for an environment variable: without NUL, cut to 30,000 characters with `…` at the cut. */
function environmentValue(text: string): string {
  return shorten(text.replaceAll('\0', '').toWellFormed(), maxValueLength);
}

import type { AgentId } from '../../domain/ids.ts';

/**
 * What shows which agent a process speaks for. Nothing is stored for a launch: a token follows from a key of the project,
 * so it holds as long as the attempt, whichever MAOS owns the session, and nobody can compute one from another.
 */
export interface AgentIdentity {
  /** Makes the project's key when there is none. @throws MaosError CONFIG_INVALID, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED */
  tokenOf(agentId: AgentId, attempt: number): string;
  /** In constant time. @throws MaosError CONFIG_INVALID, FORBIDDEN when the key cannot be read */
  isValid(agentId: AgentId, attempt: number, token: string): boolean;
}

import type { AgentId } from '../../domain/ids.ts';

/**
 * Proves which agent a process acts for. Nothing is stored per launch: a token is derived from a key of the project, so
 * it is valid as long as the attempt, whichever MAOS owns the session, and cannot be computed from another token.
 */
export interface AgentIdentity {
  /** Creates the project's key if there is none. @throws MaosError CONFIG_INVALID, FORBIDDEN, RESOURCE_LIMIT_EXCEEDED */
  tokenOf(agentId: AgentId, attempt: number): string;
  /** Takes constant time. @throws MaosError CONFIG_INVALID, FORBIDDEN when the key cannot be read */
  isValid(agentId: AgentId, attempt: number, token: string): boolean;
}

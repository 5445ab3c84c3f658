import { isBudgetEnd } from '../../../domain/budget-end.ts';
import type { ErrorCode } from '../../../domain/errors.ts';
import type { LandedWork } from '../../../domain/landing-outcome.ts';
import type { Workflow } from '../../../domain/workflow.ts';

export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notPossible: 4,
  limit: 5,
  backend: 6,
  /** The session is paused: neither done nor failed, and 'maos resume' continues it. */
  paused: 7,
  bug: 70,
  interrupted: 130,
} as const;

const statusByCode: Readonly<Record<ErrorCode, number>> = {
  SESSION_NOT_FOUND: exitStatus.notFound,
  AGENT_NOT_FOUND: exitStatus.notFound,
  INVALID_ROLE: exitStatus.usage,
  INVALID_PLAN: exitStatus.usage,
  INVALID_INPUT: exitStatus.usage,
  CONFIG_INVALID: exitStatus.usage,
  INVALID_TRANSITION: exitStatus.notPossible,
  FORBIDDEN: exitStatus.notPossible,
  STORE_CORRUPT: exitStatus.notPossible,
  RESOURCE_LIMIT_EXCEEDED: exitStatus.limit,
  STORE_BUSY: exitStatus.limit,
  BACKEND_UNAVAILABLE: exitStatus.backend,
  SPAWN_FAILED: exitStatus.backend,
  INTERNAL: exitStatus.bug,
};

export function statusOfCode(code: ErrorCode): number {
  return statusByCode[code];
}

/**
 * The exit status for a session that ended or paused: 0 only if it completed, its work could land, and nothing that it
 * lands waits.
 * @param landed what became of the work that it lands
 * @param isStuck whether its work does not land by itself
 */
export function statusOfSession(
  { session, agents }: Pick<Workflow, 'session' | 'agents'>,
  landed: readonly LandedWork[] = [],
  isStuck = false,
): number {
  if (session.state === 'completed') {
    const isWaiting = landed.some(({ state }) => state === 'waiting');
    return isStuck || isWaiting ? exitStatus.notPossible : exitStatus.done;
  }
  if (session.state === 'paused') return exitStatus.paused;
  if (session.state === 'failed' && isBudgetEnd({ session, agents })) return exitStatus.limit;
  const signedOut = agents.some((agent) => agent.failure?.kind === 'auth_required');
  return session.state === 'failed' && signedOut ? exitStatus.backend : exitStatus.failed;
}

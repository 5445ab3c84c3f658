import { type AgentSpec, specDefaults } from './agent.ts';
import { noBudget } from './budget.ts';
import type { Session } from './session.ts';
import type { VerifyRules } from './verification.ts';

/** The name of the agent that checks the work of all others together. */
const name = 'verify';

/** Whether this agent is the check of its session, which no plan lists. */
export function isSessionCheck(
  session: Pick<Session, 'verify' | 'land'>,
  agent: { readonly name: string },
): boolean {
  return session.verify !== null && session.land !== 'auto' && agent.name === name;
}

/**
 * The agent that checks the work of all others together; null if the plan asks for no such check, or if the work lands
 * by itself: then each commit that lands is checked, and conflicts go back to their owners. Its program does nothing, so
 * it has no fix rounds: what a check finds is the work of another agent.
 */
export function sessionCheckOf({
  agents,
  verify = null,
  land = null,
}: {
  readonly agents: readonly Pick<AgentSpec, 'workspace' | 'maxMemoryMb'>[];
  readonly verify?: VerifyRules | null;
  readonly land?: Session['land'];
}): (AgentSpec & { readonly name: string }) | null {
  if (verify === null || land === 'auto') return null;
  return {
    ...specDefaults,
    name,
    role: { name: 'tester', custom: null },
    task: 'Check the work of all agents together.',
    backend: 'command',
    command: ['true'],
    model: null,
    workspace: agents.some(({ workspace }) => workspace === 'worktree') ? 'worktree' : 'project',
    verify: { ...verify, fixRounds: 0 },
    timeoutMs: verify.timeoutMs,
    // It builds and tests what the agents did.
    maxMemoryMb: largest(agents.map(({ maxMemoryMb }) => maxMemoryMb)),
    budget: noBudget,
  };
}

/** The largest of some limits, of which null is none. */
function largest(limits: readonly (number | null)[]): number | null {
  return limits.reduce((most, limit) => (most === null || limit === null ? null : Math.max(most, limit)), 0);
}

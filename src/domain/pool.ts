import type { AgentSpec } from './agent.ts';
import { quote } from './errors.ts';
import { invalidPlan, type PlanProblem } from './plan-problem.ts';

/** Names of hosts and of their pools. */
export const poolPattern = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;

/** How often an agent with `rerun_on_lost` is run again by itself: its hosts may be what it breaks. */
export const mostReruns = 3;

/**
 * What agents on other machines cannot have.
 * @param names of the agents, in their order
 */
export function* poolProblems(
  agents: readonly Pick<AgentSpec, 'pool' | 'rerunOnLost' | 'workspace' | 'verify'>[],
  names: readonly string[],
): Generator<PlanProblem> {
  for (const [index, { pool, rerunOnLost, workspace, verify }] of agents.entries()) {
    const name = names[index] as string;
    if (pool === null) {
      if (rerunOnLost === null) continue;
      yield invalidPlan(
        `Agent ${quote(name)} runs on this machine, and "rerun_on_lost" is for agents of a "pool": remove it.`,
        ['agents', index, 'rerun_on_lost'],
        { agent: index },
      );
      continue;
    }
    if (workspace !== 'own') {
      yield invalidPlan(
        `Agent ${quote(name)} is for the pool ${quote(pool)}, where it has an empty folder of its own: remove its "workspace": ${quote(workspace)}, or its "pool".`,
        ['agents', index, 'workspace'],
        { agent: index, pool, workspace },
        [['agents', index, 'pool']],
      );
    }
    if (verify !== null) {
      yield invalidPlan(
        `Agent ${quote(name)} is for the pool ${quote(pool)}, and its work cannot be checked there: remove its "verify", or let an agent of this machine check what it leaves in its results.`,
        ['agents', index, 'verify'],
        { agent: index, pool },
        [['agents', index, 'pool']],
      );
    }
  }
}

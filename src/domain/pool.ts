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
  agents: readonly Pick<AgentSpec, 'pool' | 'rerunOnLost' | 'workspace' | 'worktree' | 'verify'>[],
  names: readonly string[],
): Generator<PlanProblem> {
  for (const [index, { pool, rerunOnLost, workspace, worktree, verify }] of agents.entries()) {
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
    if (workspace === 'project') {
      yield invalidPlan(
        `Agent ${quote(name)} is for the pool ${quote(pool)}, where this project's folder is not: choose the workspace "own" or "worktree", or remove its "pool".`,
        ['agents', index, 'workspace'],
        { agent: index, pool, workspace },
        [['agents', index, 'pool']],
      );
    }
    if ((worktree?.link.length ?? 0) > 0) {
      yield invalidPlan(
        `Agent ${quote(name)} is for the pool ${quote(pool)}, whose machines cannot link files of this one: bring them with "copy" or "setup", or remove its "pool".`,
        ['agents', index, 'worktree', 'link'],
        { agent: index, pool },
        [['agents', index, 'pool']],
      );
    }
    if (verify !== null && workspace === 'own') {
      yield invalidPlan(
        `Agent ${quote(name)} is for the pool ${quote(pool)}, and its folder does not come back to be checked: give it the workspace "worktree", remove its "verify", or let an agent of this machine check what it leaves in its results.`,
        ['agents', index, 'verify'],
        { agent: index, pool },
        [['agents', index, 'pool']],
      );
    }
  }
}

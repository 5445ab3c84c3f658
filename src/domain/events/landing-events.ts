import { inFixRound, toBeProven } from '../agent.ts';
import { plural } from '../amounts.ts';
import { showName } from '../invisible-marks.ts';
import type { AgentWork } from '../worktree.ts';
import { event } from './event-type.ts';

const maxPaths = 5;

function list(paths: readonly string[]): string {
  const more = paths.length > maxPaths ? ` and ${plural(paths.length - maxPaths, 'more path')}` : '';
  return `${paths.slice(0, maxPaths).map(showName).join(', ')}${more}`;
}

/** Events of a session that lands the work of another. `name` is the agent whose work it is; commits are full ids. */
export const landingEvents = {
  /**
   * The work merges with the target without a decision, at `commit`: no program runs, and the agent is in stage
   * `verifying` from here on.
   */
  'landing.joined': event<{ name: string } & AgentWork & { commit: string }>({
    text: ({ base, commit }) => `merges cleanly with ${base.slice(0, 10)}, at ${commit.slice(0, 10)}`,
    agent: (agent, { branch, base, commit, diff }) =>
      agent.state === 'running'
        ? toBeProven({ ...agent, work: { branch, base, commit, diff } }, 0, { commit, restored: [] })
        : agent,
    checkpoint: true,
  }),

  /** The target contains the agent's work from now on. */
  'landing.moved': event<{ name: string; target: string; from: string; to: string; squash: boolean }>({
    text: ({ target, from, to, squash }) =>
      `landed on ${showName(target)}: ${from.slice(0, 10)} → ${to.slice(0, 10)}${squash ? ', squashed' : ''}`,
    checkpoint: true,
  }),

  /** The work is checked, but its target is checked out with changes: it waits on another branch. */
  'landing.waiting': event<{ name: string; branch: string; reason: string; command: string }>({
    text: ({ branch, reason, command }) => `waits on ${showName(branch)}: ${reason} Take it with: ${command}`,
    checkpoint: true,
  }),

  /** The target has moved since the work was joined with it. From here on the agent is in stage `preparing` again. */
  'landing.restarted': event<{ name: string; reason: string; attempt: number }>({
    text: ({ reason, attempt }) => `merging again (attempt ${attempt}): ${reason}`,
    agent: (agent, _, at) =>
      agent.state === 'running' ? inFixRound(agent, agent.proof?.round ?? 0, at) : agent,
  }),

  /** The work is left out of this landing. Recorded when the session is created. */
  'landing.skipped': event<{ name: string; reason: string }>({
    text: ({ reason }) => `skipped: ${reason}`,
  }),

  /** The work conflicts with `tip`, the commit that it would land on. `between`: agents that landed work there. */
  'landing.conflict': event<{
    name: string;
    target: string;
    tip: string;
    paths: readonly string[];
    between: readonly string[];
  }>({
    text: ({ target, paths, between }) =>
      `conflicts with ${showName(target)} in ${list(paths)}${between.length === 0 ? '' : ` (landed there: ${between.join(', ')})`}`,
  }),
};

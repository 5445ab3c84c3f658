import type { AgentSpec } from './agent.ts';
import { MaosError, quote } from './errors.ts';
import type { Session } from './session.ts';
import { whyNoBranch } from './worktree.ts';

type Working = Pick<AgentSpec, 'workspace' | 'worktree' | 'verify'>;

/**
 * Whether worktrees, checks and landing of a plan fit together.
 * @param names of the agents, in their order
 * @throws MaosError INVALID_PLAN
 */
export function checkWorktrees(
  {
    agents,
    verify = null,
    land = null,
  }: { readonly agents: readonly Working[] } & Partial<Pick<Session, 'verify' | 'land'>>,
  names: readonly string[],
): void {
  const branches = new Map<string, string>();
  for (const [index, agent] of agents.entries()) {
    const name = names[index] as string;
    if (agent.workspace === 'worktree') checkBranch(name, index, branches);
    else checkWithoutWorktree(agent, name, index);
  }
  if (branches.size > 0) return;
  if (verify !== null && verify.protect.length > 0) {
    throw invalidPlan(
      `The session's check protects files, which needs git, and no agent works in a worktree: give an agent "workspace": "worktree", or remove protect from the session's "verify".`,
      { protect: verify.protect },
    );
  }
  if (land !== null) {
    throw invalidPlan(
      `The plan lands its work, and no agent works in a worktree, whose branch could land: give an agent "workspace": "worktree", or remove "land".`,
      { land },
    );
  }
}

/** @param branches names of the agents before it that work in worktrees, by their names in lower case */
function checkBranch(name: string, index: number, branches: Map<string, string>): void {
  const why = whyNoBranch(name);
  if (why !== null) {
    throw invalidPlan(
      `Agent name ${quote(name)} cannot name the branch of its worktree: ${why}. Give the agent another name.`,
      { agent: index, name },
    );
  }
  const same = branches.get(name.toLowerCase());
  if (same !== undefined) {
    throw invalidPlan(
      `The branches of agents ${quote(same)} and ${quote(name)} differ in upper and lower case only, which not every file system can keep apart: give one of them another name.`,
      { agent: index, name, other: same },
    );
  }
  branches.set(name.toLowerCase(), name);
}

function checkWithoutWorktree({ workspace, worktree, verify }: Working, name: string, index: number): void {
  if (worktree !== null) {
    throw invalidPlan(
      `Agent ${quote(name)} has "worktree" and the workspace ${quote(workspace)}: remove one of them, or choose the workspace "worktree".`,
      { agent: index, workspace },
    );
  }
  if (verify !== null && verify.protect.length > 0) {
    throw invalidPlan(
      `The check of agent ${quote(name)} protects files, which needs git: give the agent "workspace": "worktree", or remove protect from its "verify".`,
      { agent: index, workspace },
    );
  }
}

function invalidPlan(message: string, details: Readonly<Record<string, unknown>>): MaosError {
  return new MaosError('INVALID_PLAN', message, { details });
}

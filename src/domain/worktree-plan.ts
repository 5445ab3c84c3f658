import type { AgentSpec } from './agent.ts';
import { quote } from './errors.ts';
import { invalidPlan, type PlanPath, type PlanProblem } from './plan-problem.ts';
import type { Session } from './session.ts';
import { whyNoBranch } from './worktree.ts';

type Working = Pick<AgentSpec, 'workspace' | 'worktree' | 'verify'>;

/** Whether an agent works in a worktree: where a plan says so. */
const sourcesOfWorktrees: readonly PlanPath[] = [
  ['agents', '*', 'workspace'],
  ['agents', '*', 'worktree'],
];

/**
 * What does not fit together in the worktrees, checks and landing of a plan.
 * @param names of the agents, in their order
 */
export function* worktreeProblems(
  {
    agents,
    verify = null,
    land = null,
  }: { readonly agents: readonly Working[] } & Partial<Pick<Session, 'verify' | 'land'>>,
  names: readonly string[],
): Generator<PlanProblem> {
  const branches = new Map<string, string>();
  for (const [index, agent] of agents.entries()) {
    const name = names[index] as string;
    if (agent.workspace === 'worktree') yield* branchProblems(name, index, branches);
    else yield* withoutWorktree(agent, name, index);
  }
  if (branches.size > 0) return;
  if (verify !== null && verify.protect.length > 0) {
    yield invalidPlan(
      `The session's check protects files, which needs git, and no agent works in a worktree: give an agent "workspace": "worktree", or remove protect from the session's "verify".`,
      ['verify', 'protect'],
      { protect: verify.protect },
      sourcesOfWorktrees,
    );
  }
  if (land !== null) {
    yield invalidPlan(
      `The plan lands its work, and no agent works in a worktree, whose branch could land: give an agent "workspace": "worktree", or remove "land".`,
      ['land'],
      { land },
      sourcesOfWorktrees,
    );
  }
}

/** @param branches names of the agents before it that work in worktrees, by their names in lower case */
function* branchProblems(name: string, index: number, branches: Map<string, string>): Generator<PlanProblem> {
  const path = ['agents', index, 'name'];
  const why = whyNoBranch(name);
  const same = branches.get(name.toLowerCase());
  if (why !== null) {
    yield invalidPlan(
      `Agent name ${quote(name)} cannot name the branch of its worktree: ${why}. Give the agent another name.`,
      path,
      { agent: index, name },
    );
  } else if (same !== undefined && same !== name) {
    yield invalidPlan(
      `The branches of agents ${quote(same)} and ${quote(name)} differ in upper and lower case only, which not every file system can keep apart: give one of them another name.`,
      path,
      { agent: index, name, other: same },
    );
  }
  branches.set(name.toLowerCase(), name);
}

function* withoutWorktree(
  { workspace, worktree, verify }: Working,
  name: string,
  index: number,
): Generator<PlanProblem> {
  const details = { agent: index, workspace };
  const path = ['agents', index];
  if (worktree !== null) {
    yield invalidPlan(
      `Agent ${quote(name)} has "worktree" and the workspace ${quote(workspace)}: remove one of them, or choose the workspace "worktree".`,
      [...path, 'workspace'],
      details,
    );
  }
  if (verify !== null && verify.protect.length > 0) {
    yield invalidPlan(
      `The check of agent ${quote(name)} protects files, which needs git: give the agent "workspace": "worktree", or remove protect from its "verify".`,
      [...path, 'verify', 'protect'],
      details,
      [
        [...path, 'workspace'],
        [...path, 'worktree'],
      ],
    );
  }
}

import type { Agent } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { AgentWork } from '../../domain/worktree.ts';
import type { DiffOptions } from '../ports/workspaces.ts';
import type { Project } from '../project.ts';

type Needs = Pick<Project, 'workspaces' | 'path'>;

/** An agent with a branch. */
export type WorkingAgent = Agent & { readonly work: AgentWork };

export function hasWork(agent: Agent): agent is WorkingAgent {
  return agent.work !== null;
}

/** What an agent has changed. */
export interface WorkDiff {
  readonly agent: WorkingAgent;
  /** The commit up to which the changes are shown; null: it has committed nothing. */
  readonly commit: string | null;
  /** As git prints it; empty without changes. */
  readonly text: string;
}

/**
 * The changes from an agent's base to its commit; before its first attempt has ended, to what it has committed itself.
 * @throws MaosError as of {@link Workspaces.diff}
 */
export async function workDiff(
  { workspaces, path }: Needs,
  session: Session,
  agent: WorkingAgent,
  options: DiffOptions,
): Promise<WorkDiff> {
  const repository = session.folder ?? path;
  const { base, branch } = agent.work;
  const commit = agent.work.commit ?? (await workspaces.resolve(repository, branch));
  if (commit === null || commit === base) return { agent, commit: agent.work.commit, text: '' };
  return { agent, commit, text: await workspaces.diff(repository, base, commit, options) };
}

/** @param name the agent without a branch; undefined: no agent has one */
export function noBranch(id: SessionId, name: string | undefined): MaosError {
  const who = name === undefined ? 'No agent' : `'${name}'`;
  const why = name === undefined ? 'works in a worktree' : 'does not work in a worktree, or has none yet';
  return new MaosError(
    'INVALID_TRANSITION',
    `${who} of session ${id} ${why}, so there is no branch to compare. Give agents "workspace": "worktree" in the plan, or use 'maos run --worktree'.`,
    { details: { sessionId: id } },
  );
}

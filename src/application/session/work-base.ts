import type { Agent } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { agentOf, type Workflow } from '../../domain/workflow.ts';
import { commitText } from '../commit-text.ts';
import type { MergeConflict, Workspaces } from '../ports/workspaces.ts';
import { quotedPath } from '../quotation.ts';

/** Paths named in an error and in a prompt; the rest is counted. */
const maxPaths = 40;

/** Work of several agents that cannot be joined without a decision. */
export interface WorkConflict {
  readonly merge: MergeConflict;
  /** The names of the agents. */
  readonly between: readonly string[];
  /** Commits that are not part of the merge yet. */
  readonly remaining: readonly string[];
}

/** The commit that an agent's worktree begins from. */
export interface WorkBase {
  readonly base: string;
  /** `base` is one side of it. */
  readonly conflict: WorkConflict | null;
}

/**
 * Joins the work of the agents that this one depends on, in the plan's order; without any, the session's commit. What it has
 * done itself in earlier attempts comes first: only what that lacks is still to be joined.
 */
export async function joinWork(
  workspaces: Workspaces,
  repository: string,
  workflow: Workflow,
  agent: Agent,
): Promise<WorkBase> {
  const { session } = workflow;
  const upstream = upstreamWork(workflow, agent);
  const start = session.repository?.commit;
  if (start === undefined)
    throw new MaosError('INTERNAL', `Session ${session.id} has no commit to begin from.`);
  const own = agent.work === null ? [] : [{ name: agent.name, commit: agent.work.commit ?? agent.work.base }];
  const parts = [...own, ...upstream];
  const [first, ...others] = parts;
  if (first === undefined) return { base: start, conflict: null };
  if (others.length === 0) return { base: first.commit, conflict: null };
  const commits = parts.map(({ commit }) => commit);
  const { id: agentId, name, sessionId } = agentOf(workflow, agent.id);
  const subject = `maos: the work that ${name} begins with`;
  const text = () => commitText({ sessionId, agentId, name }, { subject }, session.createdAt);
  const joined = await workspaces.join(repository, commits, text);
  if (joined.how === 'clean') return { base: joined.commit, conflict: null };
  const merge = joined.conflict;
  const until = commits.indexOf(merge.theirs) + 1 || commits.length;
  const between = upstream.slice(0, until - own.length).map((member) => member.name);
  return { base: merge.ours, conflict: { merge, between, remaining: commits.slice(until) } };
}

/** The commits of the agents that this one depends on, in the plan's order. */
function upstreamWork(
  { agents }: Workflow,
  { dependsOn }: Agent,
): readonly { readonly name: string; readonly commit: string }[] {
  return agents.flatMap(({ id, name, work }) =>
    dependsOn.includes(id) && work !== null && work.commit !== null ? [{ name, commit: work.commit }] : [],
  );
}

/**
 * Why the work of a merger does not finish the merge that its worktree began with; null if it does, or if there was none.
 * @param commit all of its work
 */
export async function unfinishedMerge(
  workspaces: Pick<Workspaces, 'isAncestor' | 'conflictMarkers'>,
  repository: string,
  workflow: Workflow,
  agent: Agent,
  commit: string,
): Promise<string | null> {
  const { work, role, lands } = agent;
  if (role.name !== 'merger' || work === null || lands !== null) return null;
  const contains = (whole: string, part: string): Promise<boolean> =>
    workspaces.isAncestor(repository, part, whole);
  const missing: { readonly name: string; readonly commit: string }[] = [];
  for (const member of upstreamWork(workflow, agent)) {
    if (!(await contains(work.base, member.commit))) missing.push(member);
  }
  if (missing.length === 0) return null;
  // Because of them, the merge is not concluded.
  const marked = await workspaces.conflictMarkers(repository, work.base, commit);
  if (marked.length > 0) return `Conflict markers are left in ${listed(marked).join(', ')}.`;
  for (const { name, commit: part } of missing) {
    if (await contains(commit, part)) continue;
    return `The merge was not finished: ${commit} does not contain the work of ${quote(name)} (${part}).`;
  }
  return null;
}

/** For an agent that cannot be asked to resolve it. */
export function conflictError({ merge, between }: WorkConflict): MaosError {
  const who = between.map((name) => quote(name)).join(' and ');
  return new MaosError(
    'SPAWN_FAILED',
    `The work of ${who}, which it depends on, conflicts in ${listed(merge.paths).join(', ')}. Give the plan an agent of role 'merger' that depends on both, and let this one depend on it.`,
    { details: { between, paths: merge.paths } },
  );
}

/** For a merger's prompt. */
export function conflictNote({ merge, between, remaining }: WorkConflict): string {
  const rest = remaining.map((commit) => `git merge ${commit}`);
  return [
    `A merge of the work of ${between.join(' and ')} is in progress in your folder, and these files conflict:`,
    listed(merge.paths)
      .map((path) => `- ${path}`)
      .join('\n'),
    'Resolve every conflict so that the work of both sides is kept, and leave no conflict marker in any file.',
    ...(rest.length === 0 ? [] : [`Commit that, and then merge the rest: ${rest.join('; ')}.`]),
  ].join('\n\n');
}

function listed(paths: readonly string[]): readonly string[] {
  const shown = paths.slice(0, maxPaths).map(quotedPath);
  return paths.length > maxPaths ? [...shown, `${paths.length - maxPaths} more`] : shown;
}

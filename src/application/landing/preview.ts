import type { Agent } from '../../domain/agent.ts';
import type { SessionId } from '../../domain/ids.ts';
import { landsAfter, type SkippedWork } from '../../domain/landing.ts';
import { commitText } from '../commit-text.ts';
import { type LandingFactsProject, landingFacts, repositoryOf } from './landing-facts.ts';

/** What would become of an agent's work, as far as git can tell without running checks. */
export interface PreviewedWork {
  readonly name: string;
  readonly branch: string | null;
  readonly outlook: 'clean' | 'conflict' | 'waits' | 'skipped';
  /** For `waits` and `skipped`. */
  readonly reason: string | null;
  /** Conflicting paths. */
  readonly paths: readonly string[];
  /** What it conflicts with: names of agents that land before it, or the target. */
  readonly between: readonly string[];
}

export interface LandingPreview {
  readonly target: string;
  /** In the order in which work lands, then what is skipped. */
  readonly work: readonly PreviewedWork[];
}

/**
 * Merges the work in the order in which it would land, each agent's onto the result before it. Changes nothing.
 * @throws as {@link landingFacts}
 */
export async function previewLanding(
  project: LandingFactsProject,
  id: SessionId,
  into: string | null,
): Promise<LandingPreview> {
  const workflow = project.store.load(id);
  const { target, tip, scope } = await landingFacts(project, workflow, into);
  const repository = repositoryOf(project, workflow);
  const landing = new Set(scope.owners.map((owner) => owner.id));
  const clean: Agent[] = [];
  const stuck = new Set<string>();
  const work: PreviewedWork[] = [];
  let end = tip;
  const join = async (ours: string, owner: Agent): Promise<readonly string[] | string> => {
    const text = () =>
      commitText(reference(owner), { subject: `maos: ${owner.name}` }, workflow.session.createdAt);
    const joined = await project.workspaces.join(repository, [ours, owner.work?.commit ?? ours], text);
    return joined.how === 'clean' ? joined.commit : joined.conflict.paths;
  };
  for (const owner of scope.owners) {
    const { name } = owner;
    const branch = owner.work?.branch ?? null;
    const first = landsAfter(workflow, owner, landing).find((upstream) => stuck.has(upstream));
    if (first !== undefined) {
      stuck.add(name);
      const reason = `it depends on ${first}, which conflicts`;
      work.push({ name, branch, outlook: 'waits', reason, paths: [], between: [] });
      continue;
    }
    const joined = await join(end, owner);
    if (typeof joined === 'string') {
      end = joined;
      clean.push(owner);
      work.push({ name, branch, outlook: 'clean', reason: null, paths: [], between: [] });
      continue;
    }
    stuck.add(name);
    const between: string[] = typeof (await join(tip, owner)) === 'string' ? [] : [target];
    for (const other of clean) {
      const against = other.work?.commit ?? tip;
      if (typeof (await join(against, owner)) !== 'string') between.push(other.name);
    }
    work.push({ name, branch, outlook: 'conflict', reason: null, paths: joined, between });
  }
  return { target, work: [...work, ...scope.skipped.map(skippedWork)] };
}

function reference({ name, sessionId, id }: Agent) {
  return { name, sessionId, agentId: id };
}

function skippedWork({ name, branch, reason }: SkippedWork): PreviewedWork {
  return { name, branch, outlook: 'skipped', reason, paths: [], between: [] };
}

import type { SessionId } from '../../../domain/ids.ts';
import { sessionBegan } from '../../../domain/session-began.ts';
import type { RetentionPolicy } from '../../ports/maintenance.ts';
import type { WorkRef } from '../../ports/work-refs.ts';
import type { Project } from '../../project.ts';
import { earlier } from './earlier.ts';
import type { RemovedRef } from './garbage-report.ts';

type Needs = Pick<Project, 'path' | 'store' | 'files' | 'workRefs'>;

/**
 * Deletes branches and refs of sessions that no longer exist, if their work has landed or is old. An agent decides
 * which times its commits have, so they cannot make a ref older than its session.
 * @param gone sessions that exist but count as removed
 * @param options.dryRun only lists them
 */
export async function collectRefs(
  project: Needs,
  { maxRefsAgeMs }: RetentionPolicy,
  now: string,
  gone: ReadonlySet<SessionId>,
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly RemovedRef[]> {
  const { path, workRefs } = project;
  if (!dryRun) await workRefs.forgetGone(path);
  const refs = await workRefs.listRefs(path);
  const kept = await sessionsKept(project, refs, gone);
  const oldest = maxRefsAgeMs === null ? null : earlier(now, maxRefsAgeMs);
  const found = refs.flatMap((ref): readonly RemovedRef[] => {
    if (kept.has(ref.sessionId) || ref.checkedOutIn !== null) return [];
    const { name, sessionId, commit, isLanded } = ref;
    const since = laterOf(sessionBegan(sessionId), ref.committedAt);
    if (!isLanded && (oldest === null || since >= oldest)) return [];
    return [{ name, sessionId, commit, reason: isLanded ? 'landed' : 'age', since }];
  });
  if (dryRun || found.length === 0) return found;
  const left = new Set(await workRefs.deleteRefs(path, found));
  return found.filter(({ name }) => !left.has(name));
}

/** Another project may have it too: one that was moved, or an earlier version's of a folder in the repository. */
async function sessionsKept(
  { path, store, files, workRefs }: Needs,
  refs: readonly WorkRef[],
  gone: ReadonlySet<SessionId>,
): Promise<ReadonlySet<SessionId>> {
  const kept = new Set<SessionId>();
  // Also of sessions of another home.
  for (const { sessionId, exists } of await workRefs.listWorktrees(path)) {
    if (exists && !gone.has(sessionId)) kept.add(sessionId);
  }
  for (const id of new Set(refs.map(({ sessionId }) => sessionId))) {
    if (gone.has(id) || kept.has(id)) continue;
    if (store.maintenance.exists(id) || (await files.maintenance.isKept(id))) kept.add(id);
  }
  return kept;
}

function laterOf(a: string, b: string): string {
  return a > b ? a : b;
}

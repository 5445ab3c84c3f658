import type { SessionId } from '../../../domain/ids.ts';
import type { GarbageReport } from './garbage-report.ts';
import { removeWorktrees, type WorktreeNeeds } from './remove-worktrees.ts';

/** Removes a session's folder, unless it has a worktree whose work cannot be kept elsewhere. */
export async function discardFolder(
  project: WorktreeNeeds,
  id: SessionId,
  staleBefore: string,
): Promise<Pick<GarbageReport, 'notRemoved' | 'heldBack'>> {
  const outcome = await removeWorktrees(project, id, staleBefore);
  if (outcome === 'busy') return { notRemoved: [], heldBack: [] };
  if (outcome !== 'gone') return { notRemoved: [], heldBack: outcome };
  return { notRemoved: await project.files.maintenance.discard(id), heldBack: [] };
}

import { showPath } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { branchOf, keptRefOf } from '../../../domain/worktree.ts';
import { commitText } from '../../commit-text.ts';
import type { RecordedWork, WorktreeFolder } from '../../ports/maintenance.ts';
import type { Lease } from '../../ports/ownership.ts';
import type { WorktreePlace } from '../../ports/workspaces.ts';
import type { Project } from '../../project.ts';
import { Heartbeat } from '../../session/heartbeat.ts';
import { ownershipTiming } from '../../session/supervisor.ts';
import { whenFree } from '../../when-free.ts';
import { isDiskFull } from './full-disk.ts';
import type { HeldBack } from './garbage-report.ts';

export type WorktreeNeeds = Pick<
  Project,
  | 'path'
  | 'store'
  | 'files'
  | 'workspaces'
  | 'workRefs'
  | 'instance'
  | 'instances'
  | 'settings'
  | 'clock'
  | 'log'
>;

/**
 * Removes the worktrees of an ended session, or of a folder without a session, after keeping all work in refs.
 * Meanwhile this process owns the session, so that no retry begins in a worktree that is being removed.
 * @param staleBefore ignore owners without a heartbeat since then
 * @returns `gone`: the folder may go. `busy`: another process has the session. Otherwise what must stay, and why
 */
export async function removeWorktrees(
  project: WorktreeNeeds,
  id: SessionId,
  staleBefore: string,
): Promise<'gone' | 'busy' | readonly HeldBack[]> {
  const { store, files, instance, instances } = project;
  let folders: readonly WorktreeFolder[];
  try {
    folders = await files.maintenance.worktrees(id);
  } catch (error) {
    return [{ id, path: files.describe(id), reason: reasonOf(error) }];
  }
  if (folders.length === 0) return 'gone';
  if (!store.maintenance.exists(id)) {
    return removeAll(project, id, folders, await files.maintenance.recordedWork(id));
  }
  let lease: Lease | null;
  try {
    // Announced before it owns anything, so that a process that finds its lease can tell whether it is alive.
    await instances.announce();
    lease = await whenFree(project, () => store.acquire(id, instance, { staleBefore }));
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return folders.map(({ agentId, worktree }) => ({
      id,
      path: worktree ?? agentId,
      reason: reasonOf(error),
    }));
  }
  if (lease === null) return 'busy';
  const heartbeat = new Heartbeat(project, ownershipTiming.heartbeatMs, () => {});
  heartbeat.start();
  try {
    return await removeAll(project, id, folders, workOf(project, id));
  } finally {
    heartbeat.stop();
    await whenFree(project, () => store.release(lease));
  }
}

/** As recorded in the store; null for a session without git. */
function workOf({ path, store }: WorktreeNeeds, id: SessionId): RecordedWork | null {
  const { session, agents } = store.load(id);
  const { repository, folder, endedAt, createdAt } = session;
  if (repository === null) return null;
  return {
    repository: folder ?? path,
    at: endedAt ?? createdAt,
    agents: agents.map((agent) => ({
      ...{ id: agent.id, name: agent.name, attempt: agent.attempt },
      branch: agent.work?.branch ?? branchOf(id, agent.name),
      base: agent.work?.base ?? repository.commit,
    })),
  };
}

async function removeAll(
  project: WorktreeNeeds,
  id: SessionId,
  folders: readonly WorktreeFolder[],
  work: RecordedWork | null,
): Promise<'gone' | readonly HeldBack[]> {
  const held: HeldBack[] = [];
  for (const folder of folders) {
    const reason = await removeOne(project, id, folder, work);
    if (reason !== null && folder.worktree !== null) held.push({ id, path: folder.worktree, reason });
  }
  return held.length === 0 ? 'gone' : held;
}

/** @returns why the worktree must stay; null if it may go with the session's folder */
async function removeOne(
  { path, workspaces, workRefs, log }: WorktreeNeeds,
  id: SessionId,
  { agentId, worktree, hasFiles, hasCheckouts }: WorktreeFolder,
  work: RecordedWork | null,
): Promise<string | null> {
  const agent = work?.agents.find((candidate) => candidate.id === agentId) ?? null;
  if (work === null || agent === null) {
    return hasFiles ? unknownWork : null;
  }
  const { repository, at } = work;
  const place: WorktreePlace = { repository, sessionId: id, agentId, branch: agent.branch };
  if (hasCheckouts) {
    try {
      await workspaces.discardCheckouts(place);
    } catch (error) {
      // Only files of commits are in them. Entries that remain in the repository are removed later.
      log.log('warn', 'cannot remove the checkouts of checks', { session: id, agent: agentId, error });
    }
  }
  if (worktree === null) return null;
  const text = commitText(
    { sessionId: id, agentId, name: agent.name },
    { subject: `maos: ${agent.name}` },
    at,
  );
  const reason = await workspaces
    .remove(place, agent.base, keptRefOf(id, agent.name, agent.attempt), text)
    .catch(reasonOf);
  if (reason === null || !hasFiles) return null;
  return (await workRefs.isRepository(path)) ? reason : withoutRepository(path);
}

function withoutRepository(path: string): string {
  return `There is no repository in ${showPath(path)} that its work could be committed to. Put it back, or copy what you need from the worktree and delete it.`;
}

const unknownWork =
  'The records that say what it began from are lost, so its work cannot be committed. Copy what you need from it, and delete it.';

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { chmod, lstat, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type {
  MaintenanceFiles,
  RecordedWork,
  WorktreeFolder,
} from '../../../application/ports/maintenance.ts';
import { type AgentId, isAgentId, type SessionId } from '../../../domain/ids.ts';
import { branchOf } from '../../../domain/worktree.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { folderMode } from '../disk/folders.ts';
import type { SessionLayout } from '../home/layout.ts';

/** The file in a worktree that names its repository. */
const dotGit = '.git';

const commit = z.string().regex(/^[0-9a-f]{40,64}$/);
/** The part of metadata.json that tells where the work of its agents is. */
const metadata = z.object({
  projectRoot: z.string(),
  session: z.object({
    folder: z.string().nullable(),
    repository: z.object({ commit }),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  }),
  agents: z.array(
    z.object({
      id: z.custom<AgentId>((id) => typeof id === 'string' && isAgentId(id)),
      name: z.string(),
      attempt: z.int().min(0),
      work: z.object({ branch: z.string(), base: commit }).nullish(),
    }),
  ),
});

type WorktreeFiles = Pick<MaintenanceFiles, 'worktrees' | 'recordedWork' | 'isKept'>;

/** @param projectFolder absolute: `~/.maos/projects/{hash}` */
export function makeWorktreeFiles(projectFolder: string, layout: SessionLayout): WorktreeFiles {
  async function hasCheckouts(id: SessionId, agentId: AgentId): Promise<boolean> {
    for (const check of await namesIn(layout.checks(id, agentId))) {
      const isCheck = /^[1-9]\d{0,8}$/.test(check);
      if (isCheck && (await isFolder(layout.checkTree(id, agentId, Number(check))))) return true;
    }
    return false;
  }

  return {
    async worktrees(id) {
      const found: WorktreeFolder[] = [];
      const agents = await namesIn(join(layout.session(id), 'agents'));
      for (const agentId of agents.filter(isAgentId).sort()) {
        // An agent may have replaced it by a link to another's.
        if (!(await isFolder(layout.agent(id, agentId)))) continue;
        const worktree = layout.worktree(id, agentId);
        const isThere = await isFolder(worktree);
        const hasFiles = isThere && (await namesIn(worktree)).some((name) => name !== dotGit);
        const place = { agentId, worktree: isThere ? worktree : null, hasFiles };
        const checkouts = await hasCheckouts(id, agentId);
        if (isThere || checkouts) found.push({ ...place, hasCheckouts: checkouts });
      }
      return found;
    },

    async recordedWork(id) {
      const text = await readFile(layout.metadata(id), 'utf8').catch(missing);
      return text === null ? null : workIn(id, text);
    },

    async isKept(id) {
      const projects = dirname(projectFolder);
      for (const project of await namesIn(projects)) {
        if (await isFolder(join(projects, project, 'sessions', id))) return true;
      }
      return false;
    },
  };
}

function workIn(id: SessionId, text: string): RecordedWork | null {
  try {
    const { projectRoot, session, agents } = metadata.parse(JSON.parse(text));
    return {
      repository: session.folder ?? projectRoot,
      at: session.endedAt ?? session.createdAt,
      agents: agents.map(({ id: agentId, name, attempt, work }) => ({
        ...{ id: agentId, name, attempt },
        branch: work?.branch ?? branchOf(id, name),
        base: work?.base ?? session.repository.commit,
      })),
    };
  } catch {
    // Damaged, or of a session without git.
    return null;
  }
}

/** Names in a folder, none if it is missing or not a folder. Lets the owner read a folder that an agent closed. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder).catch(async (error: unknown) => {
      if (systemCode(error) !== 'EACCES') throw error;
      await chmod(folder, folderMode);
      return readdir(folder);
    });
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'list', folder);
  }
}

function missing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}

/** Not for a link. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError(error, 'inspect', path);
  }
}

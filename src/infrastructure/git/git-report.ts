import { sep } from 'node:path';
import type { GitReport } from '../../application/runtime.ts';
import { isMaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import { begin } from './begin.ts';
import { makeGit } from './run-git.ts';
import { makeWorkRefs } from './work-refs.ts';

/** @param from.isKnown whether a session is in the project's store */
export async function reportGit(from: {
  readonly folder: string;
  /** Path of the folder's project: the top of its repository, if it has one. */
  readonly project: string;
  readonly projectsFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isKnown: (id: SessionId) => boolean;
}): Promise<GitReport> {
  const { folder, project, projectsFolder, environment, isKnown } = from;
  const refs = makeWorkRefs({ projectsFolder, environment });
  const isRepository = await refs.isRepository(project);
  let version: string | null = null;
  try {
    version = await refs.gitVersion();
    if (isRepository) await begin(makeGit(environment), folder);
    const leftovers = (await refs.listWorktrees(project)).filter(
      (entry) => entry.folder.startsWith(`${projectsFolder}${sep}`) && !isKnown(entry.sessionId),
    );
    return { version, isRepository, problem: null, leftovers: leftovers.map((entry) => entry.folder) };
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return { version, isRepository, problem: error.message, leftovers: [] };
  }
}

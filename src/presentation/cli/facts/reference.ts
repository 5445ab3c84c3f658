import { leastSuffix } from '../../../domain/short-ids.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from './projects.ts';

/** The words by which people name a session, and what belongs to it, in commands. */
export interface Reference {
  readonly session: string;
  request(id: string): string;
}

/**
 * The shortest ends of ids that are accepted in the current folder; the whole ids where these would not be, and in a
 * pipe, for programs.
 */
export async function referenceTo(
  { terminal, runtime, projectPath }: Pick<CommandContext, 'terminal' | 'runtime' | 'projectPath'>,
  { project, id }: Pick<OpenSession, 'project' | 'id'>,
): Promise<Reference> {
  const here = terminal.live ? await runtime().findProject(projectPath) : null;
  if (here?.project.path !== project.path) return { session: id, request: (request) => request };
  const { store } = project;
  return {
    session: leastSuffix(id, (suffix) => store.findSessions(suffix, 2).length === 1),
    request: (request) =>
      leastSuffix(request, (suffix) => store.inputRequests.findByText(suffix, 2).length === 1),
  };
}

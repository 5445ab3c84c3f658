import type { Project } from '../../../application/project.ts';
import type { Runtime, UnreadProject } from '../../../application/runtime.ts';
import { explainedOrDefect } from '../../../application/system-error.ts';

/**
 * What a function returns for every project of this machine. A project that cannot be read does not keep the others
 * from being shown.
 * @param onUnread called for each of those; they are also logged
 */
export async function eachProject<T>(
  runtime: Runtime,
  read: (project: Project) => T | Promise<T>,
  onUnread: (project: UnreadProject) => void = () => {},
): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const { project } of runtime.allProjects(onUnread)) {
    try {
      found.push(await read(project));
    } catch (error) {
      runtime.log('warn', 'a project could not be read', { project: project.path, error });
      onUnread({ file: project.path, path: project.path, error: explainedOrDefect(error) });
    }
  }
  return found;
}

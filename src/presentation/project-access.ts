import type { FoundRoles } from '../application/ports/roles.ts';
import type { Project } from '../application/project.ts';
import type { Projects } from '../application/queries/lookup.ts';
import type { OpenProject, Runtime } from '../application/runtime.ts';
import { isMaosError, type MaosError } from '../domain/errors.ts';

/** The projects of this machine, as seen from a folder. */
export interface ProjectAccess {
  readonly runtime: Runtime;
  /** The folder's project; creates its store if necessary. */
  openProject(): Promise<OpenProject>;
  /** The folder's project if it has a store; null otherwise. */
  findProject(): Promise<OpenProject | null>;
  /** The roles that apply in the folder. */
  roles(): Promise<FoundRoles>;
  /** As Runtime.lostStore, for the folder. */
  lostStore(): Promise<MaosError | null>;
  /** Every project with a store, the folder's own first. */
  projects(): AsyncIterable<OpenProject>;
}

export function projectAccess(runtime: Runtime, path: string): ProjectAccess {
  return {
    runtime,
    openProject: () => runtime.openProject(path),
    findProject: () => runtime.findProject(path),
    roles: () => runtime.roles(path),
    lostStore: () => runtime.lostStore(path),
    async *projects(): AsyncGenerator<OpenProject> {
      const own = await runtime.findProject(path);
      if (own !== null) yield own;
      for await (const other of runtime.allProjects()) {
        if (other.project.path !== own?.project.path) yield other;
      }
    },
  };
}

/**
 * The projects for looking up sessions and agents.
 * @param opened receives each project that was searched
 */
export function lookupIn(
  access: Pick<ProjectAccess, 'findProject' | 'projects'>,
  opened: Map<Project, OpenProject>,
): Projects {
  const noted = (open: OpenProject): Project => {
    opened.set(open.project, open);
    return open.project;
  };
  return {
    async present() {
      const open = await access.findProject();
      return open === null ? null : noted(open);
    },
    async *all() {
      for await (const open of access.projects()) yield noted(open);
    },
  };
}

/** Performs a lookup; if nothing is found because the project's database is lost, throws that error instead. */
export async function unlessLost<T>(
  access: Pick<ProjectAccess, 'lostStore'>,
  lookUp: Promise<T>,
): Promise<T> {
  try {
    return await lookUp;
  } catch (error) {
    const isUnknown = isMaosError(error, 'SESSION_NOT_FOUND') || isMaosError(error, 'AGENT_NOT_FOUND');
    if (!isUnknown || error.details.matches !== undefined) throw error;
    throw (await access.lostStore()) ?? error;
  }
}

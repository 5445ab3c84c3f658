import type { FoundRoles } from '../application/ports/roles.ts';
import type { Project } from '../application/project.ts';
import { findSession, type LatestOf, type Projects } from '../application/queries/lookup.ts';
import type { OpenProject, Runtime } from '../application/runtime.ts';
import { isMaosError, type MaosError } from '../domain/errors.ts';
import type { SessionId } from '../domain/ids.ts';

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

export interface LocatedSession extends OpenProject {
  readonly id: SessionId;
}

/**
 * Resolves a full id in any project, or an unambiguous part of one or 'latest' in the folder's project.
 * @param latestOf which sessions 'latest' may mean; default: all
 * @throws MaosError SESSION_NOT_FOUND, INVALID_INPUT
 */
export async function locateSession(
  access: Pick<ProjectAccess, 'findProject' | 'projects' | 'lostStore'>,
  reference: string,
  latestOf: LatestOf | null = null,
): Promise<LocatedSession> {
  const opened = new Map<Project, OpenProject>();
  const found = findSession(lookupIn(access, opened), reference, 'project', latestOf);
  const { project, id } = await unlessLost(access, found);
  return { ...(opened.get(project) as OpenProject), id };
}

import type { Project } from '../../../application/project.ts';
import {
  findAgent,
  findSession,
  type LatestOf,
  type LookupScope,
  type Projects,
} from '../../../application/queries/lookup.ts';
import type { OpenProject, SupervisedProject } from '../../../application/runtime.ts';
import type { Agent } from '../../../domain/agent.ts';
import { isMaosError, MaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { lookupIn, type ProjectAccess, projectAccess, unlessLost } from '../../project-access.ts';
import type { CommandContext } from '../command.ts';

/** A session with its project and supervisor. */
export interface OpenSession extends SupervisedProject {
  readonly id: SessionId;
}

/** Finds sessions and agents by what the user types: in the present project, or with `--all` in every one. */
export class SessionFinder {
  readonly #access: ProjectAccess;
  readonly #projects: Projects;
  readonly #scope: LookupScope;
  readonly #opened = new Map<Project, OpenProject>();

  constructor({
    runtime,
    projectPath,
    options,
  }: Pick<CommandContext, 'runtime' | 'projectPath' | 'options'>) {
    this.#access = projectAccess(runtime(), projectPath);
    this.#projects = lookupIn(this.#access, this.#opened);
    this.#scope = options.flag('all') ? 'everywhere' : 'project';
  }

  /**
   * @param latestOf which sessions `latest` may mean; default: all
   * @throws MaosError SESSION_NOT_FOUND, INVALID_INPUT, STORE_CORRUPT when the project's database is lost
   */
  async session(reference: string, latestOf: LatestOf | null = null): Promise<OpenSession> {
    return unlessLost(this.#access, this.#session(reference, latestOf));
  }

  async #session(reference: string, latestOf: LatestOf | null = null): Promise<OpenSession> {
    const { project, id } = await findSession(this.#projects, reference, this.#scope, latestOf);
    return { ...this.#openOf(project), id };
  }

  /**
   * Finds a session or an agent.
   * @throws MaosError SESSION_NOT_FOUND when it is neither, STORE_CORRUPT when the project's database is lost
   */
  async sessionOrAgent(reference: string): Promise<OpenSession & { readonly agent: Agent | null }> {
    return unlessLost(this.#access, this.#sessionOrAgent(reference));
  }

  async #sessionOrAgent(reference: string): Promise<OpenSession & { readonly agent: Agent | null }> {
    let unknownSession: MaosError | null = null;
    if (!reference.startsWith('agent_')) {
      try {
        return { ...(await this.#session(reference)), agent: null };
      } catch (error) {
        const unknown = isMaosError(error, 'SESSION_NOT_FOUND') && error.details.matches === undefined;
        if (!unknown || reference === 'latest') throw error;
        unknownSession = error;
      }
    }
    try {
      const { project, agent } = await findAgent(this.#projects, reference, this.#scope);
      return { ...this.#openOf(project), id: agent.sessionId, agent };
    } catch (error) {
      const unknown = isMaosError(error, 'AGENT_NOT_FOUND') && error.details.matches === undefined;
      if (!unknown || unknownSession === null) throw error;
      throw new MaosError(
        'SESSION_NOT_FOUND',
        unknownSession.message.replace(/^There is no session\b/, 'There is no session or agent'),
        { details: { reference }, cause: error },
      );
    }
  }

  #openOf(project: Project): OpenProject {
    return this.#opened.get(project) as OpenProject;
  }
}

import { findAgent, findSession } from '../../application/lookup.ts';
import type { Project } from '../../application/project.ts';
import type { OpenProject, Runtime } from '../../application/runtime.ts';
import type { Supervisor } from '../../application/supervisor.ts';
import type { Agent } from '../../domain/agent.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';

/** A session as a command works on it. */
export interface OpenSession {
  readonly project: Project;
  readonly supervisor: Supervisor;
  readonly id: SessionId;
}

/** Finds sessions and agents by what a person types: in the present project first, then in all others. */
export class SessionFinder {
  readonly #runtime: Runtime;
  readonly #path: string;
  readonly #supervisors = new Map<Project, Supervisor>();

  constructor(runtime: Runtime, projectPath: string) {
    this.#runtime = runtime;
    this.#path = projectPath;
  }

  /** @throws MaosError SESSION_NOT_FOUND, INVALID_INPUT */
  async session(reference: string): Promise<OpenSession> {
    const { project, id } = await findSession(this.#projects(), reference);
    return { project, id, supervisor: this.#supervisors.get(project) as Supervisor };
  }

  /**
   * A session, or a single agent.
   * @throws MaosError SESSION_NOT_FOUND when it is neither
   */
  async sessionOrAgent(reference: string): Promise<OpenSession & { readonly agent: Agent | null }> {
    if (!reference.startsWith('agent_')) {
      try {
        return { ...(await this.session(reference)), agent: null };
      } catch (error) {
        const unknown = isMaosError(error, 'SESSION_NOT_FOUND') && error.details.matches === undefined;
        if (!unknown || reference === 'latest') throw error;
      }
    }
    try {
      const { project, agent } = await findAgent(this.#projects(), reference);
      return {
        project,
        id: agent.sessionId,
        supervisor: this.#supervisors.get(project) as Supervisor,
        agent,
      };
    } catch (error) {
      const unknown = isMaosError(error, 'AGENT_NOT_FOUND') && error.details.matches === undefined;
      if (!unknown || reference.startsWith('agent_')) throw error;
      throw new MaosError(
        'SESSION_NOT_FOUND',
        `No session or agent is called ${quote(reference)}. 'maos list' shows the sessions, 'maos status SESSION' their agents.`,
        { details: { reference }, cause: error },
      );
    }
  }

  async *#projects(): AsyncGenerator<Project> {
    const present = await this.#runtime.findProject(this.#path);
    if (present !== null) yield this.#known(present);
    for await (const other of this.#runtime.allProjects()) {
      if (other.project.path !== present?.project.path) yield this.#known(other);
    }
  }

  #known({ project, supervisor }: OpenProject): Project {
    this.#supervisors.set(project, supervisor);
    return project;
  }
}

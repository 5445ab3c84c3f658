import type { RoleFinding } from '../../application/role-ports.ts';
import type { OpenProject, Runtime } from '../../application/runtime.ts';

/** The client of this connection, for what belongs to the request under way. */
export interface ClientChannel {
  /** MAOS itself asks clients for nothing: few can answer. */
  request(method: string, params: object): Promise<Readonly<Record<string, unknown>>>;
  notify(method: string, params: object): Promise<void>;
}

/** What the answer to a request may be made from. Knows nothing of a transport or an SDK. */
export interface RequestContext {
  readonly runtime: Runtime;
  /** The project of the server's folder; makes its store when there is none. */
  openProject(): Promise<OpenProject>;
  /** The project of the server's folder when it has a store; null otherwise. */
  findProject(): Promise<OpenProject | null>;
  /** What files define roles for the project of the server's folder. */
  roles(): Promise<readonly RoleFinding[]>;
  /** Every project with a store, that of the server's folder first. */
  projects(): AsyncIterable<OpenProject>;
  /** Aborts when the client calls the request off or the server ends. */
  readonly signal: AbortSignal;
  readonly client: ClientChannel;
}

/** @param path the folder whose project the server works on */
export function projectAccess(
  runtime: Runtime,
  path: string,
): Pick<RequestContext, 'runtime' | 'openProject' | 'findProject' | 'roles' | 'projects'> {
  return {
    runtime,
    openProject: () => runtime.openProject(path),
    findProject: () => runtime.findProject(path),
    roles: () => runtime.roles(path),
    async *projects(): AsyncGenerator<OpenProject> {
      const own = await runtime.findProject(path);
      if (own !== null) yield own;
      for await (const other of runtime.allProjects()) {
        if (other.project.path !== own?.project.path) yield other;
      }
    },
  };
}

import type { ProjectAccess } from '../../project-access.ts';

/** The client of this connection, for what belongs to the request under way. */
export interface ClientChannel {
  /** MAOS's own tools ask clients for nothing, since few can answer; the conformance suites prove that a tool could. */
  request(method: string, params: object): Promise<Readonly<Record<string, unknown>>>;
  notify(method: string, params: object): Promise<void>;
}

/**
 * What the answer to a request may be made from; the projects as seen from the server's folder. Knows nothing of a
 * transport or an SDK.
 */
export interface RequestContext extends ProjectAccess {
  /** Aborts when the client calls the request off or the server ends. */
  readonly signal: AbortSignal;
  readonly client: ClientChannel;
}

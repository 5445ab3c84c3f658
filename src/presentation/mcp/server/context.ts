import type { ProjectAccess } from '../../project-access.ts';

/** Access to the client during a request. */
export interface ClientChannel {
  /** MAOS's own tools send no requests to clients, because few can answer. The conformance suites use this. */
  request(method: string, params: object): Promise<Readonly<Record<string, unknown>>>;
  notify(method: string, params: object): Promise<void>;
}

/**
 * What handlers of requests may use. Projects are resolved from the server's folder. Independent of transport and SDK.
 */
export interface RequestContext extends ProjectAccess {
  /** Aborts when the client cancels the request or the server ends. */
  readonly signal: AbortSignal;
  readonly client: ClientChannel;
}

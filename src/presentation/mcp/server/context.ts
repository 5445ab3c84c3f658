import type { ProjectAccess } from '../../project-access.ts';

/** Access to the client during a request. */
export interface ClientChannel {
  /** MAOS's own tools send no requests to clients, because few can answer. The conformance suites use this. */
  request(method: string, params: object): Promise<Readonly<Record<string, unknown>>>;
  notify(method: string, params: object): Promise<void>;
}

/** What the client can be asked in the answer to its request (MCP 2026-07-28, multi round-trip requests). */
export interface ClientInput {
  /** What the client declared for this request. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Its answers to an {@link InputNeeded}, by the keys of the questions; empty for the first request. */
  readonly responses: Readonly<Record<string, unknown>>;
  /** The state given with the questions; null for the first request. */
  readonly state: unknown;
}

/** By what a call is known when it comes again. */
export interface CallNames {
  /** The client's own name for the call, the same whenever it sends it. */
  readonly callId?: string | undefined;
  /** The session and the id of the request, which must not be used again (MCP 2025-11-25, basic). */
  readonly requestKey?: string | undefined;
}

/**
 * What handlers of requests may use. Projects are resolved from the server's folder. Independent of transport and SDK.
 */
export interface RequestContext extends ProjectAccess {
  /** Aborts when the client cancels the request or the server ends. */
  readonly signal: AbortSignal;
  readonly client: ClientChannel;
  /** Null in the versions with a handshake, where MAOS's own tools ask nothing. */
  readonly input: ClientInput | null;
  /** How the request is known when it is sent again. */
  readonly names: CallNames;
}

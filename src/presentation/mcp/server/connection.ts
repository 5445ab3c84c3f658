import type { Runtime } from '../../../application/runtime.ts';
import type { RequestContext } from './context.ts';
import type { ServerIdentity } from './identity.ts';
import type { Offer } from './methods.ts';
import type { Registry } from './registry.ts';
import type { RepeatedCalls } from './repeated-calls.ts';
import type { Extra } from './requests.ts';
import type { StrictServer } from './strict-server.ts';
import type { Tool } from './tool.ts';

export interface McpServerOptions {
  readonly runtime: Runtime;
  readonly identity: ServerIdentity;
  /** The folder whose project the tools work on. */
  readonly projectPath: string;
  /** Aborts when the server ends: waiting calls return, and subscriptions end. */
  readonly ending: AbortSignal;
  /** What to offer, loaded at the first request that needs it; default: everything that MAOS has. */
  readonly loadRegistry?: () => Promise<Registry>;
  /** Called with every tool call. */
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
  /** Those of the whole process; default: of this server alone. */
  readonly repeatedCalls?: RepeatedCalls;
}

/** What the handlers of one connection share. */
export interface Connection extends Offer, Pick<McpServerOptions, 'projectPath' | 'ending'> {
  readonly server: StrictServer;
  contextOf(extra: Extra): RequestContext;
}

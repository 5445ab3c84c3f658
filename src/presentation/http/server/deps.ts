import type { Runtime } from '../../../application/runtime.ts';
import type { ServerIdentity } from '../../mcp/server/identity.ts';
import type { Registry } from '../../mcp/server/registry.ts';
import type { RepeatedCalls } from '../../mcp/server/repeated-calls.ts';
import type { Tool } from '../../mcp/server/tool.ts';
import type { EventLimits } from '../events/event-stream.ts';
import type { McpLimits } from '../mcp/mcp-limits.ts';

/** The dependencies of the routes. Each file of routes takes them and returns a Hono app, mounted by `app.ts`. */
export interface HttpDeps {
  readonly runtime: Runtime;
  readonly identity: ServerIdentity;
  /** The folder whose project the routes work on. */
  readonly projectPath: string;
  /** Aborts when the server ends: streams end, and waiting calls return. */
  readonly ending: AbortSignal;
  /** Default: everything that MAOS offers. */
  readonly loadRegistry?: () => Promise<Registry>;
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
  /** Of the whole process; default: of these routes alone. */
  readonly repeatedCalls?: RepeatedCalls;
  /** Limits of the streams of `/events`; every limit has a default. */
  readonly eventLimits?: Partial<EventLimits>;
  /** Limits of `/mcp` and `/sse`; every limit has a default. */
  readonly mcpLimits?: Partial<McpLimits>;
}

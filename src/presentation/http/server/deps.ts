import type { Runtime } from '../../../application/runtime.ts';
import type { ServerIdentity } from '../../mcp/server/identity.ts';
import type { Registry } from '../../mcp/server/registry.ts';
import type { Tool } from '../../mcp/server/tool.ts';
import type { EventLimits } from '../events/event-stream.ts';
import type { McpLimits } from '../mcp/mcp-limits.ts';

/** What the routes are made from. Each file of routes takes these and gives a Hono app, mounted by `app.ts`. */
export interface HttpDeps {
  readonly runtime: Runtime;
  readonly identity: ServerIdentity;
  /** The folder whose project is worked on. */
  readonly projectPath: string;
  /** Aborts when the server ends: streams end, calls that wait come back. */
  readonly ending: AbortSignal;
  /** Default: everything MAOS has. */
  readonly loadRegistry?: () => Promise<Registry>;
  readonly onCall?: (call: Promise<unknown>, tool: Tool) => void;
  /** Of the streams of `/events`; what is left out has a default. */
  readonly eventLimits?: Partial<EventLimits>;
  /** Of `/mcp` and `/sse`; what is left out has a default. */
  readonly mcpLimits?: Partial<McpLimits>;
}

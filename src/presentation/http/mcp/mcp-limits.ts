import type { Clock } from '../../../application/ports/clock.ts';
import type { OutgoingLimits } from '../server/outgoing-stream.ts';
import type { StoreLimits } from './mcp-event-store.ts';

export interface SessionLimits {
  readonly maxSessions: number;
  /** Clients do not announce that they leave: a session without a request for this time ends. */
  readonly idleMs: number;
}

/** Limits of MCP over HTTP. */
export interface McpLimits extends SessionLimits, OutgoingLimits {
  /** How often a stream sends a comment, so that proxies do not consider the connection dead. */
  readonly keepAliveMs: number;
  readonly kept: StoreLimits;
  readonly after: Clock['after'];
}

const defaults: McpLimits = {
  maxSessions: 128,
  idleMs: 60 * 60_000,
  keepAliveMs: 15_000,
  // Less than mostUnreadBytes, because a replay is written at once.
  kept: { events: 1_000, bytes: 512 * 1024 },
  mostUnreadBytes: 1024 * 1024,
  stallMs: 60_000,
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export function mcpLimits(given: Partial<McpLimits> | undefined): McpLimits {
  return { ...defaults, ...given };
}

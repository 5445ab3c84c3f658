import { randomUUID } from 'node:crypto';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Clock } from '../../../application/ports/clock.ts';
import { makeMcpServer } from '../../mcp/server/server.ts';
import { type MessageTrace, traceMessages } from '../../mcp/transport/trace.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { Endpoints } from '../server/endpoints.ts';
import type { SessionLimits } from './mcp-limits.ts';

/** The session of one client, with its own server. */
export interface McpSession<Kind extends Transport> {
  readonly id: string;
  readonly transport: Kind;
  readonly trace: MessageTrace | null;
  /** Marks the session as in use by a stream or request, until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

interface Entry<Kind extends Transport> extends McpSession<Kind> {
  readonly isIdle: boolean;
  /** Ends the session after pending calls have returned and their responses are sent. */
  leave(): Promise<void>;
}

/** A mountable transport, with the number of its open sessions. */
export interface McpEndpoint extends Endpoints {
  readonly sessions: { readonly size: number };
}

/**
 * The MCP sessions of one transport. They end with the process, unlike the teams that they started; clients initialize
 * again.
 */
export class McpSessions<Kind extends Transport> {
  readonly #deps: HttpDeps;
  readonly #limits: SessionLimits;
  readonly #after: Clock['after'];
  /** By id. Among idle sessions, the one idle for longest comes first. */
  readonly #entries = new Map<string, Entry<Kind>>();

  constructor(deps: HttpDeps, limits: SessionLimits, after: Clock['after']) {
    this.#deps = deps;
    this.#limits = limits;
    this.#after = after;
    deps.ending.addEventListener('abort', () => {
      for (const entry of this.#entries.values()) void entry.leave();
    });
  }

  /** Number of open sessions. */
  get size(): number {
    return this.#entries.size;
  }

  find(id: string): McpSession<Kind> | undefined {
    return this.#entries.get(id);
  }

  /** @returns null when the limit is reached and no session is idle */
  async open(make: (id: string) => Kind): Promise<McpSession<Kind> | null> {
    const { runtime, ending } = this.#deps;
    const isTraced = await runtime.logs('trace');
    if (ending.aborted || !this.#makeRoom()) return null;
    const id = randomUUID();
    const transport = make(id);
    const trace = isTraced ? traceMessages(named(runtime, id)) : null;
    if (trace !== null) showSent(transport, trace);
    const { entry, connect } = this.#enter(id, transport, trace);
    await connect();
    return entry;
  }

  #enter(id: string, transport: Kind, trace: MessageTrace | null) {
    const deps = this.#deps;
    const over = new AbortController();
    const calls = new Set<Promise<unknown>>();
    let holds = 0;
    let cancelEnd = (): void => {};

    const rest = (): void => {
      if (over.signal.aborted) return;
      this.#entries.delete(id);
      this.#entries.set(id, entry);
      cancelEnd = this.#after(this.#limits.idleMs, () => void entry.close());
    };
    const hold = (): (() => void) => {
      cancelEnd();
      holds += 1;
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        holds -= 1;
        if (holds === 0) rest();
      };
    };
    const server = makeMcpServer({
      ...deps,
      ending: over.signal,
      onCall(call, tool) {
        const release = hold();
        calls.add(call);
        void call.finally(() => {
          calls.delete(call);
          release();
        });
        deps.onCall?.(call, tool);
      },
    });
    server.onerror = (error) => deps.runtime.log('debug', 'mcp message not understood', { error });
    server.onclose = () => {
      over.abort();
      cancelEnd();
      this.#entries.delete(id);
    };
    const entry: Entry<Kind> = {
      id,
      transport,
      trace,
      hold,
      get isIdle() {
        return holds === 0;
      },
      async leave() {
        over.abort();
        await Promise.allSettled(calls);
        // Give the responses one turn of the event loop to be written.
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        await server.close();
      },
      close: () => server.close(),
    };
    rest();
    return { entry, connect: () => server.connect(transport) };
  }

  #makeRoom(): boolean {
    if (this.#entries.size < this.#limits.maxSessions) return true;
    for (const entry of this.#entries.values()) {
      if (!entry.isIdle) continue;
      this.#entries.delete(entry.id);
      void entry.close();
      return true;
    }
    return false;
  }
}

/** All sessions share one log; a part of the id distinguishes them. */
function named(runtime: HttpDeps['runtime'], id: string): Pick<HttpDeps['runtime'], 'log'> {
  const mcpSession = id.slice(0, 8);
  return { log: (level, message, fields) => runtime.log(level, message, { mcpSession, ...fields }) };
}

function showSent(transport: Transport, trace: MessageTrace): void {
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    trace.sent(JSON.stringify(message), message);
    return send(message, options);
  };
}

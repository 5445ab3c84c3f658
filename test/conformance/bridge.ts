/**
 * Streamable HTTP in front of servers that speak MCP on stdin and stdout, because the conformance suites support only
 * HTTP.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { EventStream } from './event-stream.ts';
import { ModernBridge } from './modern-bridge.ts';
import { type Command, type Message, ServerProcess } from './server-process.ts';

export interface Bridge {
  readonly url: string;
  /**
   * Ends every session and waits for the processes.
   * @returns each violation of stdio servers once: lines that are not JSON, or an exit status other than 0
   */
  close(): Promise<readonly string[]>;
}

interface Session {
  readonly id: string;
  readonly server: ServerProcess;
  /** By id, including streams that have ended, because a client may come back for missed events. */
  readonly streams: Map<string, EventStream>;
  /** Unanswered requests by id, newest last. */
  readonly waiting: Map<unknown, { readonly token: unknown; readonly stream: EventStream }>;
  /** For messages that belong to no request. */
  readonly general: EventStream;
}

/** Suites abandon most of their sessions, and run one scenario after another. */
const mostSessions = 3;

/**
 * Starts a bridge on a free port of 127.0.0.1. It reads messages only to route them: an answer to the stream of its
 * request; progress to that of its token; everything else to that of the newest request, or, if none is open, to the
 * stream that a client opens with GET. On stdio, a message does not name its request.
 *
 * Three scenarios test only HTTP, and the bridge itself passes them: `dns-rebinding-protection`,
 * `server-session-lifecycle` and the priming events of `server-sse-polling`. They are meaningful for MAOS only in HTTP
 * mode.
 */
export async function openBridge(command: Command): Promise<Bridge> {
  const sessions = new Map<string, Session>();
  const ends: Promise<readonly string[]>[] = [];
  let modern: ModernBridge | null = null;

  const open = (): Session => {
    const [oldest] = sessions.keys();
    if (oldest !== undefined && sessions.size >= mostSessions) leave(oldest);
    const id = randomUUID();
    const server = new ServerProcess(command, (message) => deliver(session, message));
    const general = new EventStream('general');
    const session: Session = {
      id,
      server,
      streams: new Map([['general', general]]),
      waiting: new Map(),
      general,
    };
    sessions.set(id, session);
    ends.push(server.ended);
    void server.ended.then(() => {
      sessions.delete(id);
      // Clients on stdio would notice the end; these would wait for their time limit.
      const error = { code: -32000, message: 'The server has ended' };
      for (const requestId of [...session.waiting.keys()])
        deliver(session, { jsonrpc: '2.0', id: requestId, error });
      session.general.end();
    });
    return session;
  };
  const leave = (id: string): void => {
    sessions.get(id)?.server.leave();
    sessions.delete(id);
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isLocal(request)) return refuse(response, 403);
    if (!['GET', 'POST', 'DELETE'].includes(request.method ?? '')) return refuse(response, 405);
    const message = request.method === 'POST' ? ((await json(request)) as Message) : undefined;
    if (message !== undefined && ModernBridge.takes(message, request.headers['mcp-protocol-version'])) {
      modern ??= new ModernBridge(command);
      return modern.post(message, request.headers, response);
    }
    const id = request.headers['mcp-session-id'];
    if (typeof id !== 'string' && message?.method !== 'initialize') return refuse(response, 400);
    const session = typeof id === 'string' ? sessions.get(id) : open();
    if (session === undefined) return refuse(response, 404);
    response.setHeader('mcp-session-id', session.id);
    if (message !== undefined) return post(session, message, response);
    if (request.method === 'GET') return resume(session, request.headers['last-event-id'], response);
    leave(session.id);
    response.writeHead(204).end();
  }

  const http = createServer((request, response) => {
    handle(request, response).catch(() => refuse(response, 400));
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    async close() {
      for (const id of [...sessions.keys()]) leave(id);
      modern?.leave();
      if (modern !== null) ends.push(modern.ended);
      const problems = new Set((await Promise.all(ends)).flat());
      http.closeAllConnections();
      await new Promise((resolve) => {
        http.close(resolve);
      });
      return [...problems];
    },
  };
}

function post(session: Session, message: Message, response: ServerResponse): void {
  if (message.method === undefined || message.id === undefined) {
    session.server.send(message);
    response.writeHead(202).end();
    return;
  }
  const stream = new EventStream(`request-${session.streams.size}`);
  session.streams.set(stream.id, stream);
  session.waiting.set(message.id, { token: message.params?._meta?.progressToken, stream });
  stream.attach(response);
  session.server.send(message);
}

function resume(session: Session, lastEvent: string | string[] | undefined, response: ServerResponse): void {
  const [id, seen] = String(lastEvent ?? 'general:0').split(':');
  const stream = session.streams.get(id ?? '');
  if (stream === undefined) refuse(response, 400);
  else stream.attach(response, Number(seen));
}

function deliver({ waiting, general }: Session, message: Message): void {
  const isAnswer = message.method === undefined;
  const requests = [...waiting.values()];
  const token = message.params?.progressToken;
  const own = isAnswer
    ? waiting.get(message.id)
    : requests.find((request) => token !== undefined && request.token === token);
  const { stream } = own ?? requests.at(-1) ?? { stream: general };
  stream.send(message);
  if (!isAnswer || own === undefined) return;
  waiting.delete(message.id);
  stream.end();
}

/** False for a page of another site whose name resolves to this machine. */
function isLocal({ headers: { host = '', origin } }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost):\d+$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { MaosError } from '../../../domain/errors.ts';
import { signInPath } from '../sign-in/browser-paths.ts';
import { isLoopback, isWildcard } from './address.ts';
import { healthPath, makeApp } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { TokenBucket } from './token-bucket.ts';

export interface HttpOptions {
  /** The address to listen on: 127.0.0.1, unless the user chose another. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Further host names to answer for, beside those of loopback and `host`. */
  readonly names?: readonly string[];
  /** The required token; a function is called for every request. */
  readonly token: string | (() => Promise<string>);
  /** Default: {@link requestTimeouts}. */
  readonly timeouts?: typeof requestTimeouts;
}

/** HTTP mode while it listens. */
export interface HttpService {
  readonly url: string;
  readonly port: number;
  /** Closes every connection, and continues to listen. */
  cut(): void;
  /** Ends streams, gives pending requests `graceMs`, then closes every connection. */
  close(graceMs: number): Promise<void>;
}

const loopbackNames = ['localhost', '127.0.0.1', '::1'];
/** How long a request may take to arrive (headers, and in total), and how often Node checks that. */
export const requestTimeouts = { headersMs: 10_000, wholeMs: 60_000, lookMs: 5_000 };
const maxConnections = 512;
const maxHeaderBytes = 16 * 1024;
const maxBodyBytes = 4 * 1024 * 1024;
const maxRequestsPerSecond = 500;
/** For requests without the token, from monitors or from attackers that guess. */
const maxStrangersPerSecond = 50;

/** @throws MaosError INVALID_INPUT when the port is in use or the address does not belong to this machine */
export async function startHttp(deps: HttpDeps, options: HttpOptions): Promise<HttpService> {
  const { host, token, names = [], timeouts = requestTimeouts } = options;
  const now = (): number => performance.now();
  const app = makeApp(deps, {
    hosts: new Set([...loopbackNames, ...(isWildcard(host) ? [] : [host.toLowerCase()]), ...names]),
    names: new Set(names),
    byAddress: !isLoopback(host),
    token: typeof token === 'string' ? async () => token : token,
    rate: new TokenBucket(maxRequestsPerSecond, now),
    strangerRate: new TokenBucket(maxStrangersPerSecond, now),
    maxBodyBytes,
    open: new Set([healthPath, signInPath]),
  });
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: timeouts.headersMs,
      // Node's default interval is 30 s.
      connectionsCheckingInterval: timeouts.lookMs,
      requestTimeout: timeouts.wholeMs,
      keepAliveTimeout: 5_000,
    },
    oneAtATime(getRequestListener(app.fetch)),
  );
  server.maxConnections = maxConnections;
  let isClosing = false;
  // Otherwise a connection whose response ends during closing would be kept alive.
  server.on('request', ({ socket }, response) => {
    response.once('close', () => {
      if (isClosing) socket.destroySoon();
    });
  });
  const port = await listen(server, options);
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${port}`,
    port,
    cut: () => server.closeAllConnections(),
    async close(graceMs) {
      isClosing = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function listen(server: Server, { host, port }: HttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(notListening(cause, host, port)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function notListening(cause: NodeJS.ErrnoException, host: string, port: number): MaosError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} of ${host} is in use: choose another one, or 0 for any free port.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine.`,
    EACCES: `This user is not allowed to use port ${port}: choose one above 1023.`,
    ENOTFOUND: `Unknown host ${host}.`,
  };
  return new MaosError(
    'INVALID_INPUT',
    why[cause.code ?? ''] ?? `Cannot listen on ${host}:${port}: ${cause.message}.`,
    {
      cause,
      details: { host, port },
    },
  );
}

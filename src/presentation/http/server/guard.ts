import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ErrorCode } from '../../../domain/errors.ts';
import { isWildcard } from './address.ts';
import type { TokenBucket } from './token-bucket.ts';

type Env = { Bindings: HttpBindings };

export interface GuardOptions {
  /** Names under which this server may be asked for, without port; in lower case. */
  readonly hosts: ReadonlySet<string>;
  /** Those of them that the user gave, by which a proxy may ask. */
  readonly names?: ReadonlySet<string>;
  /**
   * So may any address: other machines may know this one by an address that it does not know itself. A name can be
   * rebound to this machine by its owner, an address cannot.
   */
  readonly byAddress: boolean;
  /** Asked at every request, so that a token replaced is worth nothing from then on. */
  readonly token: () => Promise<string>;
  /** Requests a second, over all clients with the token. */
  readonly rate: TokenBucket;
  /** Over all who ask without it, so that they cannot use up what is there for the others. */
  readonly strangerRate: TokenBucket;
  /** Largest body in bytes. */
  readonly maxBodyBytes: number;
  /** Paths that need no token. */
  readonly open: ReadonlySet<string>;
}

/**
 * Lets through who may ask, and nobody else: the Host names this server (a name rebound to 127.0.0.1 does not), no page of
 * another origin asks, the bearer token is right, and neither rate nor body is too large. The first that is wrong answers.
 */
export function makeGuard(options: GuardOptions): readonly MiddlewareHandler<Env>[] {
  const isOwn = (host: string | null): boolean =>
    host !== null && (options.hosts.has(host) || (options.byAddress && isAddress(host)));
  return [
    async (context, next) => {
      const host = hostOf(context.req.header('host'));
      // The other one where the request line has a whole URL, which counts before Host (RFC 9112, 3.2.2).
      const stranger = [host, hostOf(new URL(context.req.url).host)].find((asked) => !isOwn(asked));
      if (stranger !== undefined) {
        const asked = JSON.stringify(stranger ?? '');
        const message = `This server does not accept requests for the host ${asked}; add it with 'maos serve --host-name'.`;
        return refuse(context, 403, 'FORBIDDEN', message);
      }
      if (!isOwnPage(context, host, options)) {
        return refuse(context, 403, 'FORBIDDEN', 'Pages from other origins cannot use this server.');
      }
      return next();
    },
    async (context, next) => {
      let token: string;
      try {
        token = await options.token();
      } catch {
        // The reason is in the log: callers without the token must not learn it.
        return refuse(context, 503, 'CONFIG_INVALID', 'The token cannot be read: see the log of MAOS.');
      }
      const isKnown = isBearer(context.req.header('authorization'), digest(token));
      const waitMs = (isKnown ? options.rate : options.strangerRate).take();
      if (waitMs > 0) {
        context.header('Retry-After', String(Math.ceil(waitMs / 1_000)));
        const message = 'Too many requests: wait as given in Retry-After.';
        return refuse(context, 429, 'RESOURCE_LIMIT_EXCEEDED', message);
      }
      if (isKnown || options.open.has(context.req.path)) return next();
      context.header('WWW-Authenticate', 'Bearer realm="maos"');
      const message = "Send the header 'Authorization: Bearer TOKEN'; 'maos token' prints the token.";
      return refuse(context, 401, 'FORBIDDEN', message);
    },
    bodyLimit({
      maxSize: options.maxBodyBytes,
      onError: (context) =>
        refuse(
          context,
          413,
          'RESOURCE_LIMIT_EXCEEDED',
          `The body is larger than ${options.maxBodyBytes} bytes.`,
        ),
    }),
  ];
}

/** The name in a Host header, without port and brackets, in lower case; null for what is none. */
export function hostOf(header: string | undefined | null): string | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::[0-9]{1,5})?$/i.exec(header ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase() ?? null;
}

/** Without the unspecified ones, which browsers take for this machine, and nobody else for a place. */
function isAddress(host: string): boolean {
  return isIP(host) !== 0 && !isWildcard(host);
}

/**
 * No page asks, or one that came from this server: by one of its names, or the very address that is asked for, and by the
 * port that is asked for or listened on. Another port of this machine is another program's page. A proxy with TLS may ask
 * by any name that this server was given. Requests for pictures and scripts have no Origin; there, browsers tell by
 * Sec-Fetch-Site whose page asks.
 */
function isOwnPage(context: Context<Env>, host: string | null, options: GuardOptions): boolean {
  const origin = context.req.header('origin');
  if (origin === undefined) return ownSites.has(context.req.header('sec-fetch-site')?.toLowerCase());
  const page = authorityOf(origin);
  if (page === null) return false;
  if (origin.toLowerCase() === `https://${page.host}` && options.names?.has(page.host) === true) {
    return true;
  }
  const asked = authorityOf(`${page.scheme}://${context.req.header('host')}`);
  const ports = [asked?.port, context.env.incoming.socket.localPort];
  return (options.hosts.has(page.host) || page.host === host) && ports.includes(page.port);
}

/** A page of this server, or the user himself. */
const ownSites: ReadonlySet<string | undefined> = new Set([undefined, 'same-origin', 'none']);

/** Null for 'null', files and other schemes. */
function authorityOf(
  origin: string,
): { readonly scheme: string; readonly host: string; readonly port: number } | null {
  const [, scheme = '', authority, port] = /^(https?):\/\/([^/]+?(?::([0-9]+))?)$/i.exec(origin) ?? [];
  const host = hostOf(authority);
  if (host === null) return null;
  return { scheme, host, port: Number(port ?? (scheme.toLowerCase() === 'https' ? 443 : 80)) };
}

function isBearer(header: string | undefined, wanted: Buffer): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  // Digests are of one length: how long the comparison takes tells nothing of the token.
  return given !== undefined && timingSafeEqual(digest(given), wanted);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(
  context: Context,
  status: 401 | 403 | 413 | 429 | 503,
  code: ErrorCode,
  message: string,
): Response {
  return context.json({ code, message }, status);
}

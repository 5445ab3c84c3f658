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
  /** Host names that this server answers for, in lower case, without port. */
  readonly hosts: ReadonlySet<string>;
  /** Those of them that the user configured, under which a proxy may forward. */
  readonly names?: ReadonlySet<string>;
  /**
   * Whether any IP address is accepted too: other machines may reach this one by an address that it does not know
   * itself. Unlike a name, an address cannot be rebound to this machine.
   */
  readonly byAddress: boolean;
  /** Called for every request, so that a replaced token is invalid immediately. */
  readonly token: () => Promise<string>;
  /** Limits requests per second of all clients with the token together. */
  readonly rate: TokenBucket;
  /** Limits requests without the token separately, so that they cannot exhaust the limit of the others. */
  readonly strangerRate: TokenBucket;
  /** Maximum body size in bytes. */
  readonly maxBodyBytes: number;
  /** Paths that need no token. */
  readonly open: ReadonlySet<string>;
}

/**
 * Lets only valid requests through: the Host names this server (a name rebound to 127.0.0.1 does not), the request is
 * not from a page of another origin, the bearer token is right, and rate and body size are within their limits. The
 * first failed check answers.
 */
export function makeGuard(options: GuardOptions): readonly MiddlewareHandler<Env>[] {
  const isOwn = (host: string | null): boolean =>
    host !== null && (options.hosts.has(host) || (options.byAddress && isAddress(host)));
  return [
    async (context, next) => {
      const host = hostOf(context.req.header('host'));
      // The host in the URL differs if the request line has an absolute URL, which overrides Host (RFC 9112, 3.2.2).
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
        // Only the log has the reason, because callers without the token must not learn it.
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

/** The name in a Host header, without port and brackets, in lower case; null if invalid. */
export function hostOf(header: string | undefined | null): string | null {
  const found = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::[0-9]{1,5})?$/i.exec(header ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase() ?? null;
}

/** Without unspecified addresses, which browsers resolve to this machine. */
function isAddress(host: string): boolean {
  return isIP(host) !== 0 && !isWildcard(host);
}

/**
 * Whether the request is not from a web page, or from a page of this server. Such a page has one of the server's names,
 * or the same address as the request, and the port of the request or of the socket; another port is another program's
 * page. A proxy with TLS may use any configured name. Requests for images and scripts have no Origin; for those,
 * browsers send Sec-Fetch-Site.
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

/** Same-origin, initiated by the user, or not sent by a browser. */
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
  // Digests have the same length, so the time of the comparison reveals nothing about the token.
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

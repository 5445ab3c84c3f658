import { isIP } from 'node:net';
import type { Context } from 'hono';
import { isWildcard } from './address.ts';
import type { HttpEnv } from './endpoints.ts';

/** The names that a server answers for, in lower case, without port. */
export interface OwnHosts {
  readonly hosts: ReadonlySet<string>;
  /** Those of them that the user configured, under which a proxy may forward. */
  readonly names?: ReadonlySet<string>;
  /**
   * Whether any IP address is accepted too: other machines may reach this one by an address that it does not know
   * itself. Unlike a name, an address cannot be rebound to this machine.
   */
  readonly byAddress: boolean;
}

export function isOwnHost(host: string | null, { hosts, byAddress }: OwnHosts): boolean {
  return host !== null && (hosts.has(host) || (byAddress && isAddress(host)));
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
export function isOwnPage(context: Context<HttpEnv>, host: string | null, options: OwnHosts): boolean {
  const origin = context.req.header('origin');
  if (origin === undefined) return ownSites.has(context.req.header('sec-fetch-site')?.toLowerCase());
  const page = authorityOf(origin);
  if (page === null) return false;
  if (isConfigured(origin, options)) return true;
  const asked = authorityOf(`${page.scheme}://${context.req.header('host')}`);
  const ports = [asked?.port, context.env.incoming.socket.localPort];
  return (options.hosts.has(page.host) || page.host === host) && ports.includes(page.port);
}

/**
 * Whether a browser may use its cookie for the request. Browsers send the cookies of a host to all of its ports, and on
 * behalf of pages of all of its ports. So the origin must be exactly what was asked, and it must be there for whatever
 * is no reading.
 */
export function isSamePage(context: Context<HttpEnv>, options: OwnHosts): boolean {
  if (!ownSites.has(context.req.header('sec-fetch-site')?.toLowerCase())) return false;
  const origin = context.req.header('origin');
  if (origin === undefined) return isReading(context);
  const asked = `http://${context.req.header('host')}`;
  return origin.toLowerCase() === asked.toLowerCase() || isConfigured(origin, options);
}

export function isReading({ req }: Context): boolean {
  return req.method === 'GET' || req.method === 'HEAD';
}

/** A page of a proxy with TLS. */
function isConfigured(origin: string, { names }: OwnHosts): boolean {
  const host = authorityOf(origin)?.host;
  return host !== undefined && origin.toLowerCase() === `https://${host}` && names?.has(host) === true;
}

/** Whether the browser uses https: a proxy, under a name that the user configured, says so. */
export function isHttps(context: Context<HttpEnv>, names: OwnHosts['names']): boolean {
  const host = hostOf(context.req.header('host'));
  const isProxied = host !== null && names?.has(host) === true;
  return isProxied && /^https\b/i.test(context.req.header('x-forwarded-proto') ?? '');
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

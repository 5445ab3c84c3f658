import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ErrorCode } from '../../../domain/errors.ts';
import { isForBrowsers, isForPeople } from '../sign-in/browser-paths.ts';
import { otherPagePage, pageHeaders, signInNeededPage } from '../sign-in/sign-in-pages.ts';
import type { SignedInBrowsers } from '../sign-in/signed-in-browsers.ts';
import type { HttpEnv } from './endpoints.ts';
import { hostOf, isOwnHost, isOwnPage, isReading, isSamePage, type OwnHosts } from './own-page.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface GuardOptions extends OwnHosts {
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
 * not from a page of another origin, the bearer token is right or the browser is signed in, and rate and body size are
 * within their limits. The first failed check answers.
 */
export function makeGuard(
  options: GuardOptions,
  browsers: SignedInBrowsers,
): readonly MiddlewareHandler<HttpEnv>[] {
  return [
    async (context, next) => {
      const host = hostOf(context.req.header('host'));
      // The host in the URL differs if the request line has an absolute URL, which overrides Host (RFC 9112, 3.2.2).
      const stranger = [host, hostOf(new URL(context.req.url).host)].find(
        (asked) => !isOwnHost(asked, options),
      );
      if (stranger !== undefined) {
        const asked = JSON.stringify(stranger ?? '');
        const message = `This server does not accept requests for the host ${asked}; add it with 'maos serve --host-name'.`;
        return refuse(context, 403, 'FORBIDDEN', message);
      }
      if (!isOwnPage(context, host, options)) {
        if (isForPeople(context)) return context.html(otherPagePage, 403, pageHeaders);
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
      const { path } = context.req;
      const given = context.req.header('authorization');
      const hasToken = given !== undefined && isBearer(given, digest(token));
      // Whoever sends a token is judged by it. Browsers send none by themselves.
      const signIn =
        given === undefined && isForBrowsers(path)
          ? await browsers.secretIn(context.req.header('cookie'))
          : null;
      const isKnown = hasToken || signIn !== null;
      const waitMs = (isKnown ? options.rate : options.strangerRate).take();
      if (waitMs > 0) {
        context.header('Retry-After', String(Math.ceil(waitMs / 1_000)));
        const message = 'Too many requests: wait as given in Retry-After.';
        return refuse(context, 429, 'RESOURCE_LIMIT_EXCEEDED', message);
      }
      if (signIn !== null) {
        const refusal = refusalOfBrowser(context, options);
        if (refusal !== null) return refusal;
        if (await browsers.isOtherUsers(context.env.incoming.socket)) {
          return refuse(context, 403, 'FORBIDDEN', 'This is a sign-in of another user of this machine.');
        }
        browsers.follow(signIn, context.env.outgoing);
        for (const [name, value] of Object.entries(forBrowsers)) context.header(name, value);
      }
      if (isKnown || options.open.has(path)) return next();
      context.header('WWW-Authenticate', 'Bearer realm="maos"');
      const message = "Send the header 'Authorization: Bearer TOKEN'; 'maos token' prints the token.";
      if (isForPeople(context)) return context.html(signInNeededPage, 401, pageHeaders);
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

/**
 * Headers of what a browser gets, unless a route sets others: it is not stored, not taken for another type, not shown in
 * a frame, and not loaded by pages of other ports.
 */
const forBrowsers = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** Null: the request is of the server's own page. */
function refusalOfBrowser(context: Context<HttpEnv>, hosts: OwnHosts): Response | null {
  if (!isSamePage(context, hosts)) {
    return refuse(context, 403, 'FORBIDDEN', 'Only the page of this server can use its cookie.');
  }
  if (isReading(context) || isJson(context)) return null;
  const message = "With a cookie, the header 'Content-Type: application/json' is required.";
  return refuse(context, 415, 'INVALID_INPUT', message);
}

/** No form of another page can send this type without asking first. */
function isJson({ req }: Context): boolean {
  return /^application\/json\s*(;|$)/i.test(req.header('content-type') ?? '');
}

function isBearer(header: string, wanted: Buffer): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header)?.[1];
  // Digests have the same length, so the time of the comparison reveals nothing about the token.
  return given !== undefined && timingSafeEqual(digest(given), wanted);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(
  context: Context,
  status: 401 | 403 | 413 | 415 | 429 | 503,
  code: ErrorCode,
  message: string,
): Response {
  return context.json({ code, message }, status);
}

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ErrorCode } from '../../domain/errors.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface GuardOptions {
  /** Names under which this server may be asked for, without port; in lower case. */
  readonly hosts: ReadonlySet<string>;
  readonly token: string;
  /** Requests a second, over all clients. */
  readonly rate: TokenBucket;
  /** Largest body in bytes. */
  readonly maxBodyBytes: number;
  /** Paths that need no token. */
  readonly open: ReadonlySet<string>;
}

/**
 * Lets through who may ask, and nobody else: the Host names this server (a name rebound to 127.0.0.1 does not), no page of
 * another origin asks, the bearer token is right, and neither rate nor body is too large. The first that is wrong answers.
 */
export function makeGuard(options: GuardOptions): readonly MiddlewareHandler[] {
  const wanted = digest(options.token);
  return [
    async (context, next) => {
      const host = hostOf(context.req.header('host'));
      if (host === null || !options.hosts.has(host)) {
        return refuse(
          context,
          403,
          'FORBIDDEN',
          `This server does not answer for the host ${JSON.stringify(host ?? '')}.`,
        );
      }
      const origin = context.req.header('origin');
      if (origin !== undefined && !options.hosts.has(hostOf(originHost(origin)) ?? '')) {
        return refuse(context, 403, 'FORBIDDEN', 'Pages of other origins may not use this server.');
      }
      return next();
    },
    async (context, next) => {
      if (options.open.has(context.req.path) || isBearer(context.req.header('authorization'), wanted))
        return next();
      context.header('WWW-Authenticate', 'Bearer realm="maos"');
      return refuse(
        context,
        401,
        'FORBIDDEN',
        "Send the header 'Authorization: Bearer TOKEN'; 'maos token' prints the token.",
      );
    },
    async (context, next) => {
      const waitMs = options.rate.take();
      if (waitMs === 0) return next();
      context.header('Retry-After', String(Math.ceil(waitMs / 1_000)));
      return refuse(
        context,
        429,
        'RESOURCE_LIMIT_EXCEEDED',
        'Too many requests: wait as long as Retry-After says.',
      );
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

/** Host and port of an origin; null for 'null', files and other schemes. */
function originHost(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/i.exec(origin)?.[1] ?? null;
}

function isBearer(header: string | undefined, wanted: Buffer): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  // Digests are of one length: how long the comparison takes tells nothing of the token.
  return given !== undefined && timingSafeEqual(digest(given), wanted);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(context: Context, status: 401 | 403 | 413 | 429, code: ErrorCode, message: string): Response {
  return context.json({ code, message }, status);
}

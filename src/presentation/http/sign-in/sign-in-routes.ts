import { type Context, Hono } from 'hono';
import { parseInput } from '../../contracts/parse-input.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { isHttps } from '../server/own-page.ts';
import { jsonBody, refusing } from '../server/refusing.ts';
import { signInPath } from './browser-paths.ts';
import { SignInCookie } from './sign-in-cookie.ts';
import { SignInLinks } from './sign-in-links.ts';
import { signInLinkSchema, signInOperations } from './sign-in-operations.ts';
import { linkNotValidPage, pageHeaders } from './sign-in-pages.ts';
import type { SignedInBrowsers } from './signed-in-browsers.ts';

/**
 * A browser signs in by a link that someone with the token has asked for. The link becomes a cookie, and the browser
 * goes on to an address without the code, so that it stays in no history.
 * @param names host names that the user configured
 */
export function signInEndpoints(
  { runtime }: HttpDeps,
  names: ReadonlySet<string>,
  browsers: SignedInBrowsers,
): Endpoints {
  const links = new SignInLinks(() => performance.now());
  const cookie = new SignInCookie(runtime.home);

  const createSignInLink = refusing(async (context) => {
    const { session_id = null } = parseInput(signInLinkSchema, await jsonBody(context), 'body');
    const { code, validMs } = links.make(session_id);
    // The guard has accepted this host.
    const scheme = isHttps(context, names) ? 'https' : 'http';
    const url = `${scheme}://${context.req.header('host')}${signInPath}?code=${code}`;
    return context.json({ url, expires_at: new Date(Date.now() + validMs).toISOString() }, 201);
  });

  const signIn = async (context: Context<HttpEnv>): Promise<Response> => {
    for (const [name, value] of Object.entries(pageHeaders)) context.header(name, value);
    if (context.req.method === 'HEAD') return context.body(null, 204);
    if (isPrefetch(context)) {
      return context.json({ code: 'FORBIDDEN', message: 'This link must be opened, not prefetched.' }, 503);
    }
    const code = context.req.query('code') ?? '';
    if (links.has(code) && (await browsers.isOtherUsers(context.env.incoming.socket))) {
      return context.json(
        { code: 'FORBIDDEN', message: 'This link is for another user of this machine.' },
        403,
      );
    }
    const link = links.take(code);
    if (link === null) return context.html(linkNotValidPage, 401);
    const secret = await (await runtime.signIns()).begin();
    context.header('Set-Cookie', cookie.set(secret, isHttps(context, names)));
    runtime.log('info', 'a browser signed in');
    return context.redirect(link.sessionId === null ? '/' : `/#/sessions/${link.sessionId}`, 303);
  };

  const signOut = async (context: Context<HttpEnv>): Promise<Response> => {
    const signIns = await runtime.signIns();
    for (const secret of cookie.valuesIn(context.req.header('cookie'))) signIns.end(secret);
    context.header('Set-Cookie', cookie.remove(isHttps(context, names)));
    return context.body(null, 204);
  };

  return endpoints(signInOperations, { createSignInLink, signIn, signOut }, new Hono<HttpEnv>());
}

/** Browsers load pages ahead that their user may never open. */
function isPrefetch(context: Context): boolean {
  return ['sec-purpose', 'purpose', 'x-moz'].some((name) =>
    /\bprefetch\b/i.test(context.req.header(name) ?? ''),
  );
}

import type { Context } from 'hono';

export const signInPath = '/sign-in';
export const signInLinksPath = '/api/sign-in-links';

/**
 * Whether a browser that is signed in may use the path: the page, and what it asks. Programs use everything else, with
 * the token, and a page can ask for no further sign-in.
 */
export function isForBrowsers(path: string): boolean {
  return (
    path === '/' ||
    path === '/events' ||
    path.startsWith('/assets/') ||
    (path.startsWith('/api/') && path !== signInLinksPath)
  );
}

/** Whether a person reads the answer: a browser opens one of the addresses that people are given. */
export function isForPeople(context: Context): boolean {
  return ['/', signInPath].includes(context.req.path) && wantsHtml(context);
}

export function wantsHtml({ req }: Context): boolean {
  return /\btext\/html\b/i.test(req.header('accept') ?? '');
}

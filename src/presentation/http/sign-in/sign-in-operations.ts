import * as z from 'zod';
import { sessionPattern } from '../../../domain/ids.ts';
import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';
import { signInLinksPath, signInPath } from './browser-paths.ts';

export const signInLinkSchema = z.strictObject({
  session_id: z
    .string()
    .regex(sessionPattern, "must be 'sess_' and 26 characters, such as sess_01K0ABCDEFGHJKMNPQRSTVWXYZ")
    .optional()
    .describe('What the browser shows first; default: the list of sessions'),
});

/** Operations by which a browser signs in and out. */
export const signInOperations = [
  {
    ...{ method: 'post', path: signInLinksPath, id: 'createSignInLink', tag: 'sign-in' },
    summary: 'A link that signs one browser in, once, within a minute',
    description: 'Needs the token; a cookie does not suffice.',
    body: signInLinkSchema,
    answers: {
      201: {
        description: 'The link',
        content: { 'application/json': z.strictObject({ url: z.url(), expires_at: z.iso.datetime() }) },
      },
    },
    errors: errorsOf(refusalSchema, 400),
  },
  {
    ...{ method: 'get', path: signInPath, id: 'signIn', tag: 'sign-in', summary: 'Sign in by a link' },
    description: 'HEAD and prefetching (Sec-Purpose) do not use the link up.',
    open: true,
    query: z.object({ code: z.string().describe('The code of the link') }),
    answers: {
      204: { description: 'To HEAD' },
      303: {
        description: 'Signed in',
        headers: { Location: z.string(), 'Set-Cookie': z.string().describe('Valid for seven days') },
      },
      403: { description: 'Opened from a link on another page', content: { 'text/html': z.string() } },
      401: { description: 'The link was used, or has expired', content: { 'text/html': z.string() } },
    },
  },
  {
    ...{ method: 'post', path: '/api/sign-out', id: 'signOut', tag: 'sign-in', summary: 'Sign out' },
    answers: {
      204: {
        description: 'The cookie is no longer valid, and its event streams end',
        headers: { 'Set-Cookie': z.string().describe('Removes the cookie') },
      },
    },
  },
] as const satisfies readonly Operation[];

import { gunzipSync } from 'node:zlib';
import type { Context, Handler } from 'hono';
import { wantsHtml } from '../sign-in/browser-paths.ts';
import { pageFiles } from './page-files.ts';

const endpoints: readonly (readonly [path: string, what: string])[] = [
  ['/', 'the dashboard, in a browser'],
  ['/mcp', 'Model Context Protocol, Streamable HTTP'],
  ['/sse', 'Model Context Protocol for older clients; their messages go to /messages'],
  ['/acp', 'Agent Communication Protocol'],
  ['/events', 'live events (server-sent events); ?session=ID, or ?all=true; Last-Event-ID resumes'],
  ['/api/overview', 'this MAOS: version, projects, number of open requests'],
  ['/api/sessions', 'the sessions of every project'],
  ['/api/sessions/ID', 'a session; /evidence and /diff of its work, and POST to /land for landing it'],
  ['/api/requests', 'what agents ask: permissions and questions, and the answers to them'],
  ['/metrics', 'metrics for Prometheus'],
  ['/openapi.json', 'OpenAPI description'],
  ['/health', 'health check; needs no token'],
];
const how =
  "Programs send the header 'Authorization: Bearer TOKEN', which only /health does not need; 'maos open' signs a browser in.";

/**
 * The page runs only its own script and turns no string into HTML: `trusted-types 'none'` makes the browser refuse
 * `innerHTML` and the like.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers = {
  'Content-Security-Policy': policy,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=UTF-8',
  '.css': 'text/css; charset=UTF-8',
};

/** `GET /`: the dashboard if the Accept header asks for HTML, otherwise an overview of the endpoints as text. */
export function pageHandler(version: string): Handler {
  return async (context) => {
    const index = wantsHtml(context) ? (await pageFiles()).get('index.html') : undefined;
    context.header('Vary', 'Accept, Cookie');
    // After an upgrade of MAOS it names other files.
    context.header('Cache-Control', 'no-store');
    if (index === undefined) return context.text(text(version), 200, headers);
    return answer(context, index, 'text/html; charset=UTF-8');
  };
}

/** `GET /assets/NAME` */
export const assetHandler: Handler = async (context) => {
  const name = context.req.param('name') ?? '';
  const type = types[name.slice(name.lastIndexOf('.'))];
  const file = (await pageFiles()).get(name);
  if (type === undefined || file === undefined) {
    const message = 'The dashboard has no such file: reload the page.';
    return context.json({ code: 'INVALID_INPUT', message }, 404);
  }
  context.header('Cache-Control', 'private, max-age=31536000, immutable');
  return answer(context, file, type);
};

function answer(context: Context, file: Uint8Array<ArrayBuffer>, type: string): Response {
  const typed = { ...headers, 'Content-Type': type };
  const takesGzip = /\bgzip\b/i.test(context.req.header('Accept-Encoding') ?? '');
  if (!takesGzip) return context.body(gunzipSync(file), 200, typed);
  return context.body(file, 200, { ...typed, 'Content-Encoding': 'gzip' });
}

function text(version: string): string {
  const width = Math.max(...endpoints.map(([path]) => path.length)) + 2;
  const lines = endpoints.map(([path, what]) => `${path.padEnd(width)}${what}`);
  return [`MAOS ${version}`, '', ...lines, '', how, ''].join('\n');
}

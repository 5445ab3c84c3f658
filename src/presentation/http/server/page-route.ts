import type { Handler } from 'hono';
import { wantsHtml } from '../sign-in/browser-paths.ts';
import { pageHeaders } from '../sign-in/sign-in-pages.ts';

const endpoints: readonly (readonly [path: string, what: string])[] = [
  ['/mcp', 'Model Context Protocol, Streamable HTTP'],
  ['/sse', 'Model Context Protocol for older clients; their messages go to /messages'],
  ['/acp', 'Agent Communication Protocol'],
  ['/events', 'live events (server-sent events); ?session=ID for one session; Last-Event-ID resumes'],
  ['/api/sessions/ID', 'a session; /evidence and /diff of its work, and POST to /land for landing it'],
  ['/api/requests', 'what agents ask: permissions and questions, and the answers to them'],
  ['/metrics', 'metrics for Prometheus'],
  ['/openapi.json', 'OpenAPI description'],
  ['/health', 'health check; needs no token'],
];
const how =
  "Programs send the header 'Authorization: Bearer TOKEN', which only /health does not need; 'maos open' signs a browser in.";

/** `GET /`: an overview for people, as HTML if the Accept header asks for it, otherwise as plain text. */
export function pageHandler(version: string): Handler {
  return (context) => {
    return wantsHtml(context)
      ? context.html(html(version), 200, pageHeaders)
      : context.text(text(version), 200, pageHeaders);
  };
}

function text(version: string): string {
  const width = Math.max(...endpoints.map(([path]) => path.length)) + 2;
  const lines = endpoints.map(([path, what]) => `${path.padEnd(width)}${what}`);
  return [`MAOS ${version}`, '', ...lines, '', how, ''].join('\n');
}

/** All inserted texts are constants without HTML special characters. */
function html(version: string): string {
  const rows = endpoints.map(([path, what]) => `<dt><code>${path}</code></dt><dd>${what}</dd>`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>MAOS</title></head>
<body>
<h1>MAOS ${version}</h1>
<dl>
${rows.join('\n')}
</dl>
<p>${how}</p>
</body>
</html>
`;
}

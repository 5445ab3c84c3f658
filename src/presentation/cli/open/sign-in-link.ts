import { request } from 'node:http';
import type { HttpServer } from '../../../application/ports/http-servers.ts';
import type { Runtime } from '../../../application/runtime.ts';

/** As the server gives it. */
export interface SignInLink {
  readonly url: string;
  readonly expires_at: string;
}

const patienceMs = 5_000;

/**
 * Asks a server for a link that signs a browser in. Null if nothing answers there, or not this version of MAOS. Only a
 * server of this user gets the token: a process that listens on another address may have the same port as a program of
 * another user here.
 */
export async function signInLink(
  { port }: HttpServer,
  runtime: Pick<Runtime, 'version' | 'httpToken' | 'hasOthersListener'>,
  sessionId: string | null,
): Promise<SignInLink | null> {
  const health = await ask(port, 'GET', '/health');
  if (health?.status !== 200 || health.body.version !== runtime.version) return null;
  if (await runtime.hasOthersListener(port)) return null;
  const token = await runtime.httpToken('keep');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const body = sessionId === null ? {} : { session_id: sessionId };
  const answer = await ask(port, 'POST', '/api/sign-in-links', headers, JSON.stringify(body));
  return answer?.status === 201 ? (answer.body as unknown as SignInLink) : null;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Null: no answer, or none in JSON. */
function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Answer | null> {
  return new Promise((resolve) => {
    // An agent of its own, because the shared one may use a proxy, which would see the token.
    const signal = AbortSignal.timeout(patienceMs);
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false, signal });
    sent.once('error', () => resolve(null));
    sent.once('response', async (response) => {
      try {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
      } catch {
        resolve(null);
      }
    });
    sent.end(body);
  });
}

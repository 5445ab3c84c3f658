import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenProxy {
  readonly url: string;
  /** Breaks the response stream of every POST once it has begun, like a bad network. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

interface Streamed {
  readonly response: ServerResponse;
  readonly begun: Promise<void>;
}

/** Adds the token to requests of clients that cannot send one, and passes everything else on unchanged. */
export async function openTokenProxy(port: number, token: string): Promise<TokenProxy> {
  const streamed = new Set<Streamed>();
  const http = createServer((incoming, response) => {
    const { method, url, headers } = incoming;
    const authorized = { ...headers, authorization: `Bearer ${token}` };
    const asked = request({ host: '127.0.0.1', port, method, path: url, headers: authorized, agent: false });
    asked.once('error', () => response.destroy());
    asked.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
      if (method !== 'POST' || answer.headers['content-type'] !== 'text/event-stream') return;
      const entry = { response, begun: new Promise<void>((resolve) => answer.once('data', () => resolve())) };
      streamed.add(entry);
      response.once('close', () => streamed.delete(entry));
    });
    response.once('close', () => asked.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async cut() {
      for (const { response, begun } of streamed) {
        await begun;
        response.end();
      }
    },
    async close() {
      const closed = new Promise((resolve) => {
        http.close(resolve);
      });
      http.closeAllConnections();
      await closed;
    },
  };
}

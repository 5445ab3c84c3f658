import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../../../../src/application/runtime.ts';
import { readHttpToken } from '../../../../src/infrastructure/files/home/http-token.ts';
import { makeSignIns } from '../../../../src/infrastructure/files/home/sign-ins.ts';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Options {
  /** Default: no connection is of another user. */
  readonly isOtherUsers?: () => boolean;
}

/** A server with a home of its own, whose project cannot be opened. It also answers for maos.example. */
export interface GuardedServer {
  readonly home: string;
  readonly token: string;
  readonly port: number;
  ask(path: string, headers?: Record<string, string>, method?: string, body?: string): Promise<Answer>;
  close(): Promise<void>;
}

export async function guardedServer({ isOtherUsers = () => false }: Options = {}): Promise<GuardedServer> {
  const home = mkdtempSync(join(tmpdir(), 'maos-sign-in-'));
  const runtime = {
    ...{ version: '1.2.3', home, log: () => {}, signIns: async () => makeSignIns(home) },
    isOtherUsers: async () => isOtherUsers(),
  } as unknown as Runtime;
  const ending = new AbortController();
  const deps = { runtime, identity: serverIdentity('1.2.3'), projectPath: '/', ending: ending.signal };
  const token = readHttpToken(home);
  const service = await startHttp(deps, { host: '127.0.0.1', port: 0, names: ['maos.example'], token });
  return {
    ...{ home, token, port: service.port },
    ask: (path, headers = {}, method = 'GET', body = '') =>
      new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port: service.port, path, method, headers, agent: false })
          .once('response', async (response) => {
            let text = '';
            for await (const chunk of response.setEncoding('utf8')) text += chunk;
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          })
          .once('error', reject)
          .end(body);
      }),
    async close() {
      ending.abort();
      await service.close(1_000);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

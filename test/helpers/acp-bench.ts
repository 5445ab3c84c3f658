import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { Runtime } from '../../src/application/runtime.ts';
import { predefinedRoles } from '../../src/infrastructure/files/roles/predefined-roles.ts';
import { acpEndpoints } from '../../src/presentation/http/acp/acp-routes.ts';
import type { RunSource } from '../../src/presentation/http/acp/run-source.ts';
import type { HttpDeps } from '../../src/presentation/http/server/deps.ts';
import { serverIdentity } from '../../src/presentation/mcp/server/identity.ts';
import type { RealProject } from './real-project.ts';

/** The protocol's routes, without the guard. */
export function acpApp(options: { readonly real?: RealProject; readonly source?: RunSource }): Hono {
  return new Hono().route('/', acpEndpoints(acpDeps(options), options.source).routes);
}

/** The dependencies of the routes, with a project whose runtime has only what they use. */
export function acpDeps({ real }: { readonly real?: RealProject }): HttpDeps {
  const opened = real === undefined ? undefined : { ...real, folder: real.root };
  const runtime = {
    version: '0.0.0-test',
    home: real?.home ?? '/nowhere',
    openProject: async () => opened,
    findProject: async () => opened ?? null,
    roles: async (folder: string) =>
      (await real?.project.roles.read(folder)) ?? { files: [], predefined: predefinedRoles() },
    log: (level: string, message: string, fields: unknown) => console.error(level, message, fields),
  } as unknown as Runtime;
  return {
    runtime,
    identity: serverIdentity('0.0.0-test'),
    projectPath: real?.root ?? '/',
    ending: new AbortController().signal,
  };
}

/** Serves the app with Node's server until the test ends. @returns the base URL of the protocol */
export async function serveAcp(t: TestContext, app: Hono): Promise<string> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/acp`;
}

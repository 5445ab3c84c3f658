import { isAbsolute } from 'node:path';
import { Hono } from 'hono';
import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import type { BackendReport } from '../../../application/runtime.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { withSnakeCase } from '../../contracts/snake-case.ts';
import { roleView } from '../../contracts/views.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { jsonBody, refusing } from '../server/refusing.ts';
import { placedStatus } from './placed-status.ts';
import { startOperations } from './start-operations.ts';
import { formQuerySchema, startSchema } from './start-schemas.ts';
import { dryRunView, faultsIn, startSession as start } from './start-session.ts';

/** How long what the CLIs answered is kept. */
const keptMs = 60_000;

/** Starts teams, and lists what their form needs: roles and backends. */
export function startEndpoints({ runtime, projectPath }: HttpDeps): Endpoints {
  let probed: { readonly at: number; readonly backends: Promise<readonly BackendReport[]> } | null = null;

  const startSession = refusing(async (context) => {
    const body = parseInput(startSchema, await jsonBody(context), 'body');
    const started = await start(runtime, folderOf(body.project, projectPath), body);
    if (!started.stored) return context.json(await dryRunView(started));
    const { opened, workflow, isRepeated, remarks } = started;
    const view = { ...placedStatus(opened.project, workflow.session.id), remarks };
    return context.json(view, isRepeated ? 200 : 201);
  }, faultsIn);

  const listRoles = refusing(async (context) => {
    const { project } = parseInput(formQuerySchema, context.req.query(), 'query');
    const { custom, predefined, problems } = catalogueOf(await runtime.roles(folderOf(project, projectPath)));
    return context.json({
      roles: [...custom, ...predefined].map(roleView),
      problems: problems.map(({ path, message }) => ({ path, message })),
    });
  });

  const listBackends = refusing(async (context) => {
    const now = performance.now();
    if (probed === null || now - probed.at > keptMs) probed = { at: now, backends: runtime.probeBackends() };
    try {
      return context.json({ backends: withSnakeCase(await probed.backends) });
    } catch (error) {
      probed = null;
      throw error;
    }
  });

  return endpoints(startOperations, { startSession, listRoles, listBackends }, new Hono<HttpEnv>());
}

/** @throws MaosError INVALID_INPUT: the server's own folder means nothing to a client */
function folderOf(asked: string | undefined, own: string): string {
  if (asked === undefined || isAbsolute(asked)) return asked ?? own;
  throw new MaosError('INVALID_INPUT', `${quote(asked)} is not an absolute path: begin it with '/'.`);
}

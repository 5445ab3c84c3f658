import { type Context, Hono } from 'hono';
import type { InputRequestQuery } from '../../../application/ports/input-requests.ts';
import type { Project } from '../../../application/project.ts';
import { findRequest } from '../../../application/queries/lookup.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { MaosError } from '../../../domain/errors.ts';
import { type InputRequestId, parseInputRequestId, type SessionId } from '../../../domain/ids.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { answerOf } from '../../contracts/request-answer.ts';
import { requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import { lookupIn, projectAccess } from '../../project-access.ts';
import type { HttpDeps } from '../server/deps.ts';
import { eachProject } from '../server/each-project.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { jsonBody, refusing } from '../server/refusing.ts';
import { requestOperations } from './request-operations.ts';
import { answerSchema, defaultPage, requestsQuerySchema } from './request-schemas.ts';

/** `/api/requests`: lists the requests of agents and answers them. */
export function requestEndpoints({ runtime, projectPath }: HttpDeps): Endpoints {
  const access = projectAccess(runtime, projectPath);
  /** In any project. */
  const locate = async (context: Context<HttpEnv>) => {
    const id = idOf(context);
    const { project } = await findRequest(lookupIn(access, new Map()), id);
    return { project, id, requests: new InputRequests(project) };
  };

  const listRequests = refusing(async (context) => {
    const query = parseInput(requestsQuerySchema, context.req.query(), 'query');
    const { session, state = 'open', before, all } = query;
    if (session !== undefined && all === 'true') {
      throw new MaosError('INVALID_INPUT', "query: give 'session' or 'all=true', not both.");
    }
    const limit = Number(query.limit ?? defaultPage);
    const filter: InputRequestQuery = {
      limit: limit + 1,
      ...(session === undefined ? {} : { sessionId: session as SessionId }),
      ...(state === 'all' ? {} : { state }),
      ...(before === undefined ? {} : { before: before as InputRequestId }),
    };
    const read = (project: Project) =>
      new InputRequests(project).list(filter).map((request) => ({ project, request }));
    const found =
      all === 'true' ? (await eachProject(runtime, read)).flat() : read(await ownProject(session));
    const page = found.sort((a, b) => (a.request.id < b.request.id ? 1 : -1)).slice(0, limit);
    const next = found.length > limit ? (page.at(-1)?.request.id ?? null) : null;
    const requests = page.map(({ project, request }) =>
      all === 'true' ? placedView(project, request) : viewOf(project, request),
    );
    return context.json({ requests, next });
  });

  const ownProject = async (session: string | undefined): Promise<Project> => {
    const { project } = await runtime.openProject(projectPath);
    if (session !== undefined) project.store.summary(session as SessionId);
    return project;
  };

  const getRequest = refusing(async (context) => {
    const { project, id, requests } = await locate(context);
    return context.json(placedView(project, requests.find(id)));
  });

  const answerRequest = refusing(async (context) => {
    const answer = answerOf(parseInput(answerSchema, await jsonBody(context), 'body'), 'body');
    const { project, id, requests } = await locate(context);
    const by = { type: 'person', front: 'http' } as const;
    return context.json(placedView(project, await whenFree(project, () => requests.answer(id, answer, by))));
  });

  return endpoints(requestOperations, { listRequests, getRequest, answerRequest }, new Hono<HttpEnv>());
}

function idOf(context: Context<HttpEnv>): InputRequestId {
  return parseInputRequestId(context.req.param('id') ?? '');
}

function viewOf({ store }: Project, request: InputRequest) {
  return requestView(request, namesOf(store.load(request.sessionId).agents));
}

function placedView(project: Project, request: InputRequest) {
  return { ...viewOf(project, request), project: project.path };
}

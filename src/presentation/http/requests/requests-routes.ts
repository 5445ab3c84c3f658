import { type Context, Hono } from 'hono';
import type { InputRequestQuery } from '../../../application/ports/input-requests.ts';
import type { Project } from '../../../application/project.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { type InputRequestId, parseInputRequestId, type SessionId } from '../../../domain/ids.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { answerOf } from '../../contracts/request-answer.ts';
import { requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { jsonBody, refusing } from '../server/refusing.ts';
import { requestOperations } from './request-operations.ts';
import { answerSchema, defaultPage, requestsQuerySchema } from './request-schemas.ts';

/** `/api/requests`: lists the requests of the project's agents and answers them. */
export function requestEndpoints(deps: HttpDeps): Endpoints {
  const open = async (): Promise<{ project: Project; requests: InputRequests }> => {
    const { project } = await deps.runtime.openProject(deps.projectPath);
    return { project, requests: new InputRequests(project) };
  };

  const listRequests = refusing(async (context) => {
    const query = parseInput(requestsQuerySchema, context.req.query(), 'query');
    const { project, requests } = await open();
    const { session, state = 'open', before } = query;
    const limit = Number(query.limit ?? defaultPage);
    if (session !== undefined) project.store.summary(session as SessionId);
    const filter: InputRequestQuery = {
      limit: limit + 1,
      ...(session === undefined ? {} : { sessionId: session as SessionId }),
      ...(state === 'all' ? {} : { state }),
      ...(before === undefined ? {} : { before: before as InputRequestId }),
    };
    const found = requests.list(filter);
    const page = found.slice(0, limit);
    const next = found.length > limit ? (page.at(-1)?.id ?? null) : null;
    return context.json({ requests: page.map((request) => viewOf(project, request)), next });
  });

  const getRequest = refusing(async (context) => {
    const { project, requests } = await open();
    return context.json(viewOf(project, requests.find(idOf(context))));
  });

  const answerRequest = refusing(async (context) => {
    const id = idOf(context);
    const answer = answerOf(parseInput(answerSchema, await jsonBody(context), 'body'), 'body');
    const { project, requests } = await open();
    const by = { type: 'person', front: 'http' } as const;
    const request = await whenFree(project, () => requests.answer(id, answer, by));
    return context.json(viewOf(project, request));
  });

  return endpoints(requestOperations, { listRequests, getRequest, answerRequest }, new Hono<HttpEnv>());
}

function idOf(context: Context<HttpEnv>): InputRequestId {
  return parseInputRequestId(context.req.param('id') ?? '');
}

function viewOf({ store }: Project, request: InputRequest) {
  return requestView(request, namesOf(store.load(request.sessionId).agents));
}

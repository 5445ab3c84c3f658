import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';
import {
  answerSchema,
  requestIdSchema,
  requestPageSchema,
  requestSchema,
  requestsQuerySchema,
} from './request-schemas.ts';

const request = { 'application/json': requestSchema };

/** Operations of requests to people. */
export const requestOperations = [
  {
    ...{ method: 'get', path: '/api/requests', id: 'listRequests', tag: 'requests' },
    summary: 'What agents ask: permissions and questions, newest first',
    query: requestsQuerySchema,
    answers: {
      200: { description: 'A page', content: { 'application/json': requestPageSchema } },
    },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'get', path: '/api/requests/{id}', id: 'getRequest', tag: 'requests' },
    summary: 'A request',
    params: { id: requestIdSchema },
    answers: { 200: { description: 'Its current state', content: request } },
    errors: errorsOf(refusalSchema, 400, 404),
  },
  {
    ...{ method: 'post', path: '/api/requests/{id}', id: 'answerRequest', tag: 'requests' },
    summary: 'Answer a request; the first answer stands',
    params: { id: requestIdSchema },
    body: answerSchema,
    answers: { 200: { description: 'Answered, now or before with the same', content: request } },
    errors: errorsOf(refusalSchema, 400, 403, 404, 409),
  },
] as const satisfies readonly Operation[];

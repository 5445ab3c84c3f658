import * as z from 'zod';
import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';
import {
  backendsSchema,
  dryRunSchema,
  formQuerySchema,
  planRefusalSchema,
  rolesSchema,
  startedSchema,
  startSchema,
} from './start-schemas.ts';

export const startOperations = [
  {
    ...{ method: 'post', path: '/api/sessions', id: 'startSession', tag: 'sessions', body: startSchema },
    summary: 'Start a team, or show its plan',
    description:
      "As the tool 'orchestrate': `command`, `verify` and `setup` only run command lines that the user's setting `allowCommands` permits.",
    answers: {
      200: {
        description:
          "Of a dry run: the plan. Of a plan whose 'idempotency_key' and content were sent before: the session that it has started then",
        content: { 'application/json': z.union([dryRunSchema, startedSchema]) },
      },
      201: { description: 'It is stored and starts', content: { 'application/json': startedSchema } },
    },
    errors: errorsOf(planRefusalSchema, 400, 403, 404, 409, 429),
  },
  {
    ...{ method: 'get', path: '/api/roles', id: 'listRoles', tag: 'sessions', query: formQuerySchema },
    summary: 'Roles for agents that apply in a folder',
    answers: { 200: { description: 'The roles', content: { 'application/json': rolesSchema } } },
    errors: errorsOf(refusalSchema, 400, 403),
  },
  {
    ...{ method: 'get', path: '/api/backends', id: 'listBackends', tag: 'sessions' },
    summary: 'What runs agents on this machine: installed CLIs, versions, what each can do',
    description: 'Asking the CLIs takes a while; answers are kept for a minute.',
    answers: { 200: { description: 'The backends', content: { 'application/json': backendsSchema } } },
  },
] as const satisfies readonly Operation[];

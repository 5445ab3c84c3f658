import type * as z from 'zod';
import { errorsOf, type Operation } from '../server/openapi.ts';
import {
  agentNameSchema,
  agentsListSchema,
  errorSchema,
  eventSchema,
  eventsListSchema,
  idSchema,
  indexSchema,
  manifestSchema,
  messageSchema,
  pageSchema,
  pingSchema,
  runCreateSchema,
  runResumeSchema,
  runSchema,
  sessionSchema,
} from './schemas.ts';

const json = (schema: z.ZodType) => ({ 'application/json': schema });
const runOrStream = { ...json(runSchema), 'text/event-stream': eventSchema };
const runId = { 'Run-ID': idSchema };
const ofRun = { run_id: idSchema };
const modes =
  'sync waits until the run ends or awaits input; async answers at once; stream sends the events.';

/** Errors of the protocol itself. Lower layers can answer any endpoint with others. */
export function acpErrors(...statuses: readonly number[]): Readonly<Record<number, z.ZodType>> {
  return errorsOf(errorSchema, 403, 429, 500, 503, ...statuses);
}

const ofSession = {
  summary: 'A session',
  params: { session_id: idSchema },
  answers: { 200: { description: 'URLs of its messages', content: json(sessionSchema) } },
  errors: acpErrors(404, 422),
};

export const acpOperations = [
  {
    ...{
      method: 'get',
      path: '/acp/ping',
      id: 'ping',
      tag: 'acp',
      summary: 'Check that the server is available',
    },
    answers: { 200: { description: 'Yes', content: json(pingSchema) } },
    errors: acpErrors(),
  },
  {
    ...{ method: 'get', path: '/acp/agents', id: 'listAgents', tag: 'acp', summary: 'List agents' },
    query: pageSchema,
    answers: { 200: { description: 'All agents, or a page of them', content: json(agentsListSchema) } },
    errors: acpErrors(422),
  },
  {
    ...{ method: 'get', path: '/acp/agents/{name}', id: 'getAgent', tag: 'acp', summary: 'One agent' },
    params: { name: agentNameSchema },
    answers: { 200: { description: 'Its manifest', content: json(manifestSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/runs', id: 'createRun', tag: 'acp', summary: 'Start a run' },
    description: modes,
    body: runCreateSchema,
    answers: {
      200: { description: 'The finished run, or its events', content: runOrStream, headers: runId },
      202: { description: 'The run was started', content: json(runSchema), headers: runId },
    },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'get', path: '/acp/runs/{run_id}', id: 'getRun', tag: 'acp', summary: 'State of a run' },
    params: ofRun,
    answers: { 200: { description: 'The run', content: json(runSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/runs/{run_id}', id: 'resumeRun', tag: 'acp' },
    summary: 'Resume an awaiting run',
    description: modes,
    params: ofRun,
    body: runResumeSchema,
    answers: {
      200: {
        description: 'The finished run, or its events from now on',
        content: runOrStream,
        headers: runId,
      },
      202: { description: 'The run continues', content: json(runSchema), headers: runId },
    },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'post', path: '/acp/runs/{run_id}/cancel', id: 'cancelRun', tag: 'acp' },
    summary: 'Cancel a run',
    params: ofRun,
    answers: { 202: { description: 'Being cancelled', content: json(runSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'get', path: '/acp/runs/{run_id}/events', id: 'listRunEvents', tag: 'acp' },
    summary: 'Events of a run so far',
    params: ofRun,
    answers: { 200: { description: 'The events, as they are streamed', content: json(eventsListSchema) } },
    errors: acpErrors(404, 422),
  },
  {
    ...{ method: 'get', path: '/acp/runs/{run_id}/messages/{index}', id: 'getRunMessage', tag: 'acp' },
    summary: 'A message of a completed run, as referenced by the history of a session',
    params: { ...ofRun, index: indexSchema },
    answers: { 200: { description: 'The message', content: json(messageSchema) } },
    errors: acpErrors(404, 422),
  },
  { ...{ method: 'get', path: '/acp/sessions/{session_id}', id: 'getSession', tag: 'acp' }, ...ofSession },
  {
    ...{ method: 'get', path: '/acp/session/{session_id}', id: 'getSessionByOldPath', tag: 'acp' },
    ...ofSession,
  },
] as const satisfies readonly Operation[];

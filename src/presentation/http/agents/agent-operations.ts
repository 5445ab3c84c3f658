import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';
import {
  agentDetailSchema,
  agentParams,
  checkOutputQuerySchema,
  checkParams,
  outputQuerySchema,
  outputSchema,
  stepsQuerySchema,
  stepsSchema,
} from './agent-schemas.ts';

const path = '/api/sessions/{session_id}/agents/{agent}';
const errors = errorsOf(refusalSchema, 400, 404);
const output = { 200: { description: 'A page', content: { 'application/json': outputSchema } } };

/** Operations of one agent. */
export const agentOperations = [
  {
    ...{ method: 'get', path, id: 'getSessionAgent', tag: 'sessions', params: agentParams, errors },
    summary: 'An agent: state, task, prompt, attempts, checks, files and result',
    answers: {
      200: { description: 'The agent', content: { 'application/json': agentDetailSchema } },
    },
  },
  {
    ...{ method: 'get', path: `${path}/steps`, id: 'getAgentSteps', tag: 'sessions' },
    ...{ params: agentParams, errors },
    summary: "What an agent did, step by step: its CLI's output in readable form",
    query: stepsQuerySchema,
    answers: { 200: { description: 'A page', content: { 'application/json': stepsSchema } } },
  },
  {
    ...{ method: 'get', path: `${path}/output`, id: 'getAgentOutput', tag: 'sessions' },
    ...{ params: agentParams, errors, answers: output, query: outputQuerySchema },
    summary: 'What an agent printed, as it is',
  },
  {
    ...{ method: 'get', path: `${path}/checks/{check}/output`, id: 'getCheckOutput', tag: 'sessions' },
    ...{ params: checkParams, errors, answers: output, query: checkOutputQuerySchema },
    summary: "What a check of an agent's work printed",
  },
] as const satisfies readonly Operation[];

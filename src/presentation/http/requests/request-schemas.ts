import * as z from 'zod';
import { inputRequestPattern, sessionPattern } from '../../../domain/ids.ts';
import { inputRequestKinds, inputRequestStates, maxAnswerLength } from '../../../domain/input-request.ts';
import type { requestView } from '../../contracts/request-view.ts';
import { projectPath } from '../events/event-schemas.ts';

/** Schemas of `/api/requests`. */

export const requestIdSchema = z
  .string()
  .regex(inputRequestPattern, "must be 'req_' and a ULID, such as req_01K0ABCDEFGHJKMNPQRSTVWXYZ");

export const defaultPage = 50;

export const requestsQuerySchema = z.strictObject({
  session: z
    .string()
    .regex(sessionPattern, "must be 'sess_' and 26 characters")
    .optional()
    .describe('Only of this session; default: every one of the project'),
  all: z.enum(['true', 'false']).optional().describe('true: of every project of this machine'),
  state: z
    .enum([...inputRequestStates, 'all'])
    .optional()
    .describe('Default: open'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|[1-4][0-9]{2}|500)$/, 'must be a number from 1 to 500')
    .optional()
    .describe(`Default: ${defaultPage}`),
  before: requestIdSchema.optional().describe('`next` of the page before'),
});

export const answerSchema = z
  .strictObject({
    decision: z.enum(['allow', 'deny']).optional().describe('Of a permission'),
    message: z.string().max(maxAnswerLength).optional().describe('What to tell the agent when denying'),
    answer: z.string().min(1).max(maxAnswerLength).optional().describe('To a question'),
  })
  .meta({ id: 'RequestAnswer', description: 'Either `decision`, or `answer`.' });

const time = z.iso.datetime();

export const requestSchema = z
  .strictObject({
    request_id: requestIdSchema,
    session_id: z.string(),
    agent_id: z.string(),
    agent: z.string().describe("The agent's name"),
    kind: z.enum(inputRequestKinds),
    state: z.enum(inputRequestStates),
    tool: z.string().optional(),
    action: z.string().describe('What is to be done, or what is asked'),
    reason: z.string().optional(),
    choices: z.array(z.string()).optional(),
    asked_at: time,
    expires_at: time,
    closed_at: time.optional(),
    decision: z.enum(['allow', 'deny']).optional(),
    message: z.string().optional(),
    answer: z.string().optional(),
    answered_by: z.string().optional(),
    project: projectPath.optional().describe("Path of its project; absent in a list of one project's"),
  } satisfies Record<keyof Required<ReturnType<typeof requestView>> | 'project', z.ZodType>)
  .meta({ id: 'AgentRequest' });

export const requestPageSchema = z.strictObject({
  requests: z.array(requestSchema),
  next: z.string().nullable().describe('For `before` of the next page; null: this is the last'),
});

import * as z from 'zod';
import { agentStates } from '../../../domain/agent.ts';
import { agentStages } from '../../../domain/agent-stage.ts';
import { stepKinds } from '../../contracts/steps-view.ts';
import { projectPath } from '../events/event-schemas.ts';
import { sessionReferenceSchema } from '../sessions/session-schemas.ts';

/** Schemas of an agent of a session. */

export const agentParams = {
  session_id: sessionReferenceSchema,
  agent: z.string().min(1).max(128).describe("The agent's name or full id"),
};

const time = z.iso.datetime();
const position = z.string().regex(/^[0-9]{1,12}(\+[0-9]{1,4})?$/, 'must be a cursor of another page');

export const stepsQuerySchema = z.strictObject({
  attempt: z
    .string()
    .regex(/^[1-9][0-9]{0,5}$/, 'must be the number of an attempt')
    .optional()
    .describe('Only this attempt; default: all'),
  stream: z.enum(['stdout', 'stderr']).optional().describe('Default: stdout'),
  cursor: position.optional().describe('`next_cursor` of the page before; default: from the start'),
  before: z
    .union([z.literal('end'), position])
    .optional()
    .describe('The last steps before this cursor, `previous_cursor` of another page, or before the end'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|[1-4][0-9]{2}|500)$/, 'must be a number from 1 to 500')
    .optional()
    .describe('Default: 100'),
});

export const stepsSchema = z
  .strictObject({
    steps: z
      .array(
        z.strictObject({
          seq: z.int().describe('Grows within a stream, and stays the same'),
          at: time.optional().describe('When MAOS saw it'),
          kind: z.enum(stepKinds),
          title: z.string().optional(),
          text: z.string().describe('Without control characters; at most 64 KiB'),
          truncated: z.literal(true).optional(),
          tool: z.string().optional(),
          is_error: z.literal(true).optional(),
        }),
      )
      .describe('In order; together at most about 256 KiB'),
    next_cursor: z.string().describe('For `cursor` of the page that follows, now or later'),
    previous_cursor: z.string().nullable().describe('For `before` of the page before; null: there is none'),
    at_end: z.boolean().describe('Nothing more has been written yet'),
  })
  .meta({ id: 'AgentSteps' });

export const outputQuerySchema = z.strictObject({
  stream: z.enum(['stdout', 'stderr']).optional().describe('Default: stdout'),
  offset: z
    .string()
    .regex(/^-?[0-9]{1,12}$/, 'must be a number of bytes')
    .optional()
    .describe('Of the first byte; a negative one counts from the end. Default: 0'),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,5}$/, 'must be a number from 1 to 999999')
    .optional()
    .describe('Maximum number of bytes, at most 262144; default: 65536'),
});

export const checkOutputQuerySchema = outputQuerySchema.extend({
  stream: z.enum(['stdout', 'stderr']).optional().describe('Default: both, one after the other'),
});

export const outputSchema = z
  .strictObject({
    text: z.string().describe('As printed, decoded as UTF-8'),
    offset: z.int(),
    next_offset: z.int().describe('For `offset` of the next page'),
    size: z.int().describe('Bytes printed so far'),
    at_end: z.boolean(),
  })
  .meta({ id: 'OutputPage' });

const check = z.looseObject({
  check: z.int(),
  command: z.string(),
  commit: z.string().nullable(),
  round: z.int(),
  started_at: time,
  passed: z.boolean().nullable().describe('Null while it runs, or if it was interrupted'),
});

export const agentDetailSchema = z
  .looseObject({
    session_id: z.string(),
    project: projectPath,
    agent_id: z.string(),
    name: z.string(),
    role: z.string(),
    state: z.enum(agentStates),
    stage: z.enum(agentStages).optional(),
    depends_on: z.array(z.string()),
    dependents: z.array(z.string()).describe('Names of the agents that wait for it'),
    attempt: z.int(),
    task: z.string(),
    prompt: z.string().nullable().describe('Of its last start; null: it has not started'),
    result: z.string().nullable(),
    truncated: z.array(z.enum(['task', 'prompt', 'result'])).describe('Those that are cut, at 256 KiB'),
    attempts: z.array(
      z.strictObject({
        attempt: z.int(),
        started_at: time,
        ended_at: time.nullable(),
        exit_code: z.int().nullable(),
        signal: z.string().nullable(),
        event: z
          .strictObject({ type: z.string(), seq: z.int(), text: z.string() })
          .nullable()
          .describe('The event that ended it'),
      }),
    ),
    checks: z.array(check),
    files: z
      .array(z.strictObject({ path: z.string(), size_bytes: z.int(), recorded_at: time }))
      .describe('Artifacts that it left, or may have left'),
  })
  .meta({ id: 'AgentDetail' });

export const checkParams = {
  ...agentParams,
  check: z.string().regex(/^([1-9][0-9]{0,8}|last)$/, "must be the number of a check, or 'last'"),
};

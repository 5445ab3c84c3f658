import * as z from 'zod';
import { budgetItems } from '../../../domain/budget.ts';
import { eventTypes } from '../../../domain/events.ts';
import { sessionPattern } from '../../../domain/ids.ts';
import {
  exitPolicies,
  failurePolicies,
  landPolicies,
  parentEndPolicies,
  sessionApprovals,
  storedStrategies,
} from '../../../domain/session.ts';
import { progressCounts, sessionState } from '../../contracts/session-answers.ts';
import type { SessionView, UsageKey } from '../../contracts/views.ts';

/** Input of `/events`, and the events in its stream. */

export const eventsQuerySchema = z.object({
  session: z
    .string()
    .regex(sessionPattern, "must be 'sess_' and 26 characters, such as sess_01K0ABCDEFGHJKMNPQRSTVWXYZ")
    .optional()
    .describe('Only events of this session'),
  all: z
    .enum(['true', 'false'])
    .optional()
    .describe('true: events of every project of this machine, each with `project`'),
});

export const lastSeenSchema = z
  .string()
  .optional()
  .describe('Id of the last event received; the stream continues after it');

const time = z.iso.datetime();

const usage = z.strictObject({
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_tokens: z.int(),
  cache_write_tokens: z.int(),
  turns: z.int(),
  cost_usd: z.number().nullable(),
} satisfies Record<UsageKey, z.ZodType>);

export const sessionSummarySchema = z
  .strictObject({
    session_id: z.string().regex(sessionPattern),
    state: sessionState,
    pause_reason: z.string().optional(),
    resume_at: time.nullish(),
    objective: z.string(),
    strategy: z.enum(storedStrategies),
    failure_policy: z.enum(failurePolicies),
    on_exit: z.enum(exitPolicies),
    approvals: z
      .enum(sessionApprovals)
      .optional()
      .describe('all: the user allowed every permission for the whole session'),
    parent_session_id: z.string().regex(sessionPattern).optional(),
    parent_agent_id: z
      .string()
      .optional()
      .describe('The agent that started it; absent: a person or client did'),
    on_parent_end: z.enum(parentEndPolicies).optional(),
    repository: z
      .strictObject({ commit: z.string(), branch: z.string().nullable() })
      .optional()
      .describe('Where its worktrees begin'),
    verify: z
      .strictObject({
        commands: z.array(z.string()),
        timeout_ms: z.int(),
        fix_rounds: z.int(),
        protect: z.array(z.string()),
      })
      .optional(),
    land: z.enum(landPolicies).optional(),
    landing: z
      .strictObject({
        session_id: z.string().regex(sessionPattern),
        target: z.string(),
        squash: z.boolean(),
      })
      .optional()
      .describe('The session whose work it lands, and the branch that moves'),
    created_at: time,
    started_at: time.nullable(),
    ended_at: time.nullable(),
    progress: progressCounts,
    usage: usage.nullable(),
    budget: z
      .partialRecord(z.enum(budgetItems), z.strictObject({ spent: z.number(), cap: z.number() }))
      .optional(),
  } satisfies Record<keyof SessionView, z.ZodType>)
  .meta({ id: 'SessionSummary' });

export const projectPath = z.string().describe("Path of the session's project");

export const listedSessionSchema = z
  .strictObject({ ...sessionSummarySchema.shape, project: projectPath })
  .meta({ id: 'ListedSession' });

export const snapshotSchema = z
  .strictObject({
    position: z.string().describe('Position after which the events follow'),
    sessions: z
      .array(z.union([sessionSummarySchema, listedSessionSchema]))
      .describe('With `project` in a stream of all projects'),
    omitted: z.int().min(0).describe('Number of older, ended sessions that are omitted'),
  })
  .meta({ id: 'Snapshot' });

export const sessionEventSchema = z
  .strictObject({
    seq: z.int().min(1).describe('Its position in the session'),
    at: time,
    type: z.enum(eventTypes),
    session_id: z.string().regex(sessionPattern),
    agent_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    text: z.string().optional().describe('One line for people; only in a stream of all projects'),
    project: projectPath.optional().describe('Only in a stream of all projects'),
  })
  .meta({ id: 'SessionEvent' });

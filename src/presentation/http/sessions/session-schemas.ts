import * as z from 'zod';
import { agentStages } from '../../../domain/agent-stage.ts';
import { messagePattern, sessionPattern } from '../../../domain/ids.ts';
import { messageStates } from '../../../domain/message.ts';
import { messageTypes } from '../../../domain/message-type.ts';
import { sessionActions } from '../../../domain/session.ts';
import type { messageView } from '../../contracts/message-view.ts';
import { agentState, sessionState } from '../../contracts/session-answers.ts';
import {
  listedSessionSchema,
  projectPath,
  sessionEventSchema,
  sessionSummarySchema,
} from '../events/event-schemas.ts';

/** Schemas of `/api/sessions`. */

const text = (max: number) => z.string().min(1).max(max);

export const sessionReferenceSchema = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,128}$/, "must be an id, a part of one, or 'latest'")
  .describe("A session's id, an unambiguous part of it, or 'latest'");

export const defaultSessions = 50;

export const sessionsQuerySchema = z.strictObject({
  state: sessionState.optional(),
  project: text(4096).optional().describe('Only sessions of the project with this path'),
  q: text(200).optional().describe('Part of the id or the objective; the case of ASCII letters is ignored'),
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|1[0-9]{2}|200)$/, 'must be a number from 1 to 200')
    .optional()
    .describe(`Default: ${defaultSessions}`),
  cursor: z
    .string()
    .regex(sessionPattern, "must be 'next' of the page before")
    .optional()
    .describe('`next` of the page before'),
});

export const sessionPageSchema = z
  .strictObject({
    sessions: z.array(listedSessionSchema).describe('By id, newest first'),
    next: z.string().nullable().describe('For `cursor` of the next page; null: this is the last'),
  })
  .meta({ id: 'SessionPage' });

export const evidenceQuerySchema = z.strictObject({
  agent: text(128).optional().describe('Name of the only agent to include'),
});

export const diffQuerySchema = z.strictObject({
  agent: text(128).describe("The agent's name"),
  stat: z.enum(['true', 'false']).optional().describe('true: only the files with their number of lines'),
});

export const artifactPathSchema = text(4096).describe(
  'Below shared/ or results/, such as results/reviewer/report.md; its slashes may stay as they are',
);

export const artifactQuerySchema = z.strictObject({
  as: z.enum(['download', 'text']).optional().describe('text: the beginning of its text, as JSON'),
});

export const artifactTextSchema = z
  .strictObject({
    path: z.string(),
    size_bytes: z.int(),
    text: z.string().nullable().describe('At most 262,144 characters; null: it is not text'),
    truncated: z.boolean(),
  })
  .meta({ id: 'ArtifactText' });

export const controlSchema = z
  .strictObject({
    action: z.enum(sessionActions),
    agent: text(128).optional().describe("An agent's name or id: only this one; for cancel and retry"),
    reason: text(1_000).optional().describe('For the event log'),
    max_tokens: z.int().min(1).optional().describe('Of a retry, as the other limits: replaces the cap'),
    max_cost_usd: z.number().positive().max(1_000_000).optional(),
    max_turns: z.int().min(1).optional(),
    max_minutes: z.number().positive().max(525_600).optional(),
    dry_run: z.boolean().optional().describe('Only say what will happen'),
  })
  .meta({ id: 'ControlSession' });

export const consequencesSchema = z
  .strictObject({
    session_id: z.string(),
    dry_run: z.literal(true),
    title: z.string().describe('A question to the user'),
    will: z.array(z.string()).describe('Sentences that say what will happen'),
  })
  .meta({ id: 'Consequences' });

export const landSchema = z
  .strictObject({
    into: text(250).optional().describe('Branch; default: the one that was checked out when it began'),
    squash: z.boolean().optional().describe('One commit per agent'),
    dry_run: z.boolean().optional().describe('Only say what would conflict'),
  })
  .meta({ id: 'LandSession' });

const page = (name: string) =>
  z
    .string()
    .regex(/^([1-9][0-9]?|[1-4][0-9]{2}|500)$/, 'must be a number from 1 to 500')
    .optional()
    .describe(`Maximum number of ${name}; default: 100`);
const seq = z
  .string()
  .regex(/^[0-9]{1,12}$/, 'must be the number of an event')
  .optional();

export const sessionEventsQuerySchema = z.strictObject({
  before: seq.describe('Only events before this one, newest first: `next` of the page before'),
  after: seq.describe('Only events after this one, oldest first'),
  limit: page('events'),
});

export const sessionEventsSchema = z
  .strictObject({
    events: z.array(
      sessionEventSchema
        .omit({ project: true })
        .required({ text: true })
        .extend({
          subject: z.string().describe('The agent that it is about, by name; empty: the session'),
        }),
    ),
    next: z
      .int()
      .nullable()
      .describe('For `before`, or with `after` for `after`, of the next page; null: this is the last'),
  })
  .meta({ id: 'SessionEvents' });

export const sessionMessagesQuerySchema = z.strictObject({
  before: z
    .string()
    .regex(messagePattern, "must be 'next' of the page before")
    .optional()
    .describe('`next` of the page before'),
  limit: page('messages'),
});

const optionalTime = z.iso.datetime().optional();

export const sessionMessagesSchema = z
  .strictObject({
    messages: z
      .array(
        z.strictObject({
          id: z.string(),
          session_id: z.string(),
          from: z.string().describe("An agent's name, or 'user'"),
          to: z.string(),
          type: z.enum(messageTypes),
          subject: z.string().nullable(),
          body: z.string(),
          state: z.enum(messageStates),
          attempt: z.int(),
          queued_at: z.iso.datetime(),
          reply_to: z.string().optional(),
          via: z.string().optional(),
          expires_at: optionalTime,
          delivered_at: optionalTime,
          lease_until: optionalTime,
          acknowledged_at: optionalTime,
          reason: z.string().optional(),
        } satisfies Record<keyof Required<ReturnType<typeof messageView>>, z.ZodType>),
      )
      .describe('Newest first'),
    next: z.string().nullable().describe('For `before` of the next page; null: this is the last'),
  })
  .meta({ id: 'SessionMessages' });

const named = z.looseObject({ name: z.string() });

export const sessionStatusSchema = z
  .looseObject({
    ...sessionSummarySchema.shape,
    project: projectPath,
    last_seq: z.int().describe('Of its last event; it is included in what is shown'),
    agents: z.array(
      named.extend({
        agent_id: z.string(),
        state: agentState,
        stage: z.enum(agentStages).optional(),
        phase: z.int(),
        depends_on: z.array(z.string()).describe('Names of the agents that it waits for'),
        attempt: z.int(),
      }),
    ),
    artifacts: z.array(z.strictObject({ path: z.string(), size_bytes: z.int() })),
    landed: z
      .array(z.looseObject({ agent: z.string(), state: z.string() }))
      .optional()
      .describe('What became of the work that this session lands'),
    landed_by: z
      .strictObject({ session_id: z.string(), state: z.string() })
      .optional()
      .describe('The newest session that lands its work'),
    folder: z.string().describe("The session's folder"),
  })
  .meta({ id: 'SessionStatus' });

export const evidenceSchema = z
  .looseObject({
    session_id: z.string(),
    state: z.string(),
    last_event: z.strictObject({ seq: z.int(), hash: z.string() }).nullable(),
    agents: z.array(named),
    landings: z.array(z.looseObject({ session_id: z.string() })),
  })
  .meta({ id: 'SessionEvidence' });

export const diffSchema = z
  .strictObject({
    session_id: z.string(),
    name: z.string(),
    branch: z.string(),
    base: z.string().describe('The commit that the agent began from'),
    commit: z.string().nullable().describe('The commit with its work; null: it has committed nothing'),
    diff: z
      .strictObject({ files: z.int(), insertions: z.int(), deletions: z.int() })
      .nullable()
      .describe('Null until its first attempt has ended'),
    text: z.string().describe('As git prints it, at most 64 MiB'),
  })
  .meta({ id: 'AgentDiff' });

const landedBranch = z.strictObject({
  agent: z.string(),
  state: z.enum(['to_land', 'clean', 'conflict', 'waits', 'skipped']),
  branch: z.string().optional(),
  reason: z.string().optional(),
  paths: z.array(z.string()).optional(),
  conflicts_with: z.array(z.string()).optional(),
});

export const landingSchema = z
  .strictObject({
    session_id: z.string().describe('The session whose work lands'),
    dry_run: z.boolean(),
    target: z.string(),
    landing_session_id: z.string().nullable().describe('The session that lands it; null: none was started'),
    branches: z.array(landedBranch).describe('In the order in which they land'),
    will: z.array(z.string()).optional().describe('Of a dry run: sentences that say what will happen'),
  })
  .meta({ id: 'StartedLanding' });

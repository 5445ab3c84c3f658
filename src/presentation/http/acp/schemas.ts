import * as z from 'zod';

/**
 * Schemas of the Agent Communication Protocol 0.2.0 (https://agentcommunicationprotocol.dev), as MAOS accepts and
 * returns them. Every optional field may be null, because the official clients send all of them. Unknown fields are
 * kept in parts and ignored elsewhere.
 */

/** Any 128 bits: a run's id is derived from its session's, so it has no UUID version or variant. */
const uuid = z.guid('must be a UUID');
const time = z.iso.datetime({ offset: true });

/** The protocol defines only these codes; MAOS's own code is in `data.code`. */
export const errorSchema = z
  .object({
    code: z.enum(['server_error', 'invalid_input', 'not_found']),
    message: z.string(),
    data: z.unknown().optional(),
  })
  .meta({ id: 'Error' });

const anything = z.record(z.string(), z.unknown());

const citationMetadata = z
  .object({
    kind: z.literal('citation'),
    start_index: z.int().nullish(),
    end_index: z.int().nullish(),
    url: z.string().nullish(),
    title: z.string().nullish(),
    description: z.string().nullish(),
  })
  .meta({ id: 'CitationMetadata' });

const trajectoryMetadata = z
  .object({
    kind: z.literal('trajectory'),
    message: z.string().nullish(),
    tool_name: z.string().nullish(),
    tool_input: anything.nullish(),
    tool_output: anything.nullish(),
  })
  .meta({ id: 'TrajectoryMetadata' });

export const partSchema = z
  .looseObject({
    name: z.string().nullish().describe('A part with a name is an artifact'),
    content_type: z.string().nullish().describe('Default: text/plain'),
    content: z.string().nullish(),
    content_encoding: z.enum(['plain', 'base64']).nullish().describe('Default: plain'),
    content_url: z.url().nullish().describe('MAOS fetches no URL'),
    metadata: z.discriminatedUnion('kind', [citationMetadata, trajectoryMetadata]).nullish(),
  })
  .refine(
    (part) => part.content == null || part.content_url == null,
    'may have content or content_url, not both',
  )
  .meta({ id: 'MessagePart' });

export const messageSchema = z
  .object({
    role: z
      .string()
      .regex(/^(user|agent(\/[a-zA-Z0-9_-]+)?)$/, "must be 'user', 'agent' or 'agent/NAME'")
      .optional()
      .describe('Default: user'),
    parts: z.array(partSchema),
    created_at: time.nullish(),
    completed_at: time.nullish(),
  })
  .meta({ id: 'Message' });

/** Accepts underscores too, because the roles' own names have them. */
const askedName = z.string().min(1).max(63);

export const sessionSchema = z
  .object({
    id: uuid,
    history: z.array(z.url()).nullish().describe('URLs of messages, oldest first'),
    state: z.url().nullish(),
  })
  .meta({ id: 'Session' });

const runMode = z.enum(['sync', 'async', 'stream']).meta({ id: 'RunMode' });

export const runCreateSchema = z
  .object({
    agent_name: askedName,
    input: z.array(messageSchema).min(1, 'must have at least one message'),
    mode: runMode.nullish().describe('Default: sync'),
    session_id: uuid.nullish(),
    session: sessionSchema
      .nullish()
      .describe("Its history may only name messages of MAOS's own; state is refused"),
  })
  .meta({ id: 'RunCreateRequest' });

const awaitSchema = z.object({ type: z.literal('message'), message: messageSchema });

export const runResumeSchema = z
  .object({
    run_id: uuid.nullish(),
    await_resume: awaitSchema,
    mode: runMode.nullish().describe('Default: sync'),
  })
  .meta({ id: 'RunResumeRequest' });

const runStatuses = [
  'created',
  'in-progress',
  'awaiting',
  'cancelling',
  'cancelled',
  'completed',
  'failed',
] as const;

export const runSchema = z
  .object({
    run_id: uuid,
    agent_name: z.string(),
    session_id: uuid,
    status: z.enum(runStatuses),
    await_request: awaitSchema.nullable(),
    output: z.array(messageSchema),
    error: errorSchema.nullable(),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Run' });

const runEvents = ['created', 'in-progress', 'awaiting', 'completed', 'failed', 'cancelled'] as const;

export const eventSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.enum(runEvents.map((name) => `run.${name}` as const)), run: runSchema }),
    z.object({ type: z.enum(['message.created', 'message.completed']), message: messageSchema }),
    z.object({ type: z.literal('message.part'), part: partSchema }),
    z.object({ type: z.literal('generic'), generic: anything }),
    z.object({ type: z.literal('error'), error: errorSchema }),
  ])
  .meta({ id: 'Event' });

export const manifestSchema = z
  .object({
    name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
    description: z.string(),
    input_content_types: z.array(z.string()).min(1),
    output_content_types: z.array(z.string()).min(1),
    metadata: z.looseObject({
      capabilities: z.array(z.object({ name: z.string(), description: z.string() })).optional(),
      domains: z.array(z.string()).optional(),
      tags: z.array(z.string()).optional(),
      framework: z.string().optional(),
      natural_languages: z.array(z.string()).optional(),
    }),
    status: z
      .object({
        avg_run_tokens: z.number().min(0).optional(),
        avg_run_time_seconds: z.number().min(0).optional(),
        success_rate: z.number().min(0).max(100).optional().describe('Percent'),
      })
      .optional()
      .describe('Over the runs that completed or failed; absent before the first'),
  })
  .meta({ id: 'AgentManifest' });

export const agentsListSchema = z
  .object({ agents: z.array(manifestSchema) })
  .meta({ id: 'AgentsListResponse' });
export const eventsListSchema = z
  .object({ events: z.array(eventSchema) })
  .meta({ id: 'RunEventsListResponse' });
export const pingSchema = z.object({}).meta({ id: 'PingResponse' });

export const idSchema = uuid;
export const indexSchema = z.string().regex(/^(0|[1-9][0-9]{0,8})$/, 'must be a whole number');
export const agentNameSchema = askedName;
export const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
  offset: z.coerce.number().int().min(0).optional(),
});

export type AcpErrorBody = z.infer<typeof errorSchema>;
export type MessagePart = z.infer<typeof partSchema>;
export type Message = z.infer<typeof messageSchema>;
export type Session = z.infer<typeof sessionSchema>;
export type AwaitRequest = z.infer<typeof awaitSchema>;
export type Run = z.infer<typeof runSchema>;
export type RunStatus = Run['status'];
export type AcpEvent = z.infer<typeof eventSchema>;
export type AgentManifest = z.infer<typeof manifestSchema>;
export type RunMode = z.infer<typeof runMode>;

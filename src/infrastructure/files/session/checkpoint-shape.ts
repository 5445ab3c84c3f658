import * as z from 'zod';
import type { Checkpoint } from '../../../application/ports/maintenance.ts';
import type { Agent } from '../../../domain/agent.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../../domain/ids.ts';
import type { Phase } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { agentTable, phaseTable, sessionTable } from '../../sqlite/tables.ts';
import type { Documents, Shape } from '../../stored-shape.ts';
import { showPath } from '../disk/file-error.ts';

/** Validates a checkpoint file strictly, because its content becomes rows, folders and commands. */

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);

const agentId = z.custom<AgentId>((id) => typeof id === 'string' && isAgentId(id), 'is not an agent id');
const sessionId = z.custom<SessionId>(
  (id) => typeof id === 'string' && isSessionId(id),
  'is not a session id',
);
const commit = z.string().regex(/^[0-9a-f]{40,64}$/);
const branch = z.string().min(1).max(1_000);
const texts = z.array(z.string());
const checkReport = z.strictObject({
  ...{ check: count, command: z.string(), commit: commit.nullable() },
  ...{ exitCode: z.int().nullable(), signal: z.string().nullable(), reason: z.string().nullable() },
  ...{ startedAt: time, endedAt: time, logSha256: z.string(), logBytes: count, restored: texts },
});

const documents: { readonly [K in keyof Documents]: z.ZodType<Documents[K]> } = {
  agentReference: z.strictObject({ sessionId, agentId }),
  agentWork: z.strictObject({
    ...{ branch, base: commit, commit: commit.nullable() },
    diff: z.strictObject({ files: count, insertions: count, deletions: count }).nullable(),
  }),
  backendChoices: z.array(
    z.strictObject({ backend: z.string(), model: z.string().nullable(), until: time.nullable() }),
  ),
  budget: z.strictObject({
    maxTokens: z.number().nullable(),
    maxCostUsd: z.number().nullable(),
    maxTurns: z.number().nullable(),
    maxWallMs: z.number().nullable(),
  }),
  command: z.union([z.array(z.string()), z.string()]),
  customRole: z.strictObject({
    description: z.string(),
    responsibilities: z.array(z.string()),
    file: z.exactOptional(
      z.strictObject({
        path: z.string(),
        prompt: z.string(),
        tools: z.array(z.string()).nullable(),
        deniedTools: z.array(z.string()),
      }),
    ),
  }),
  denials: z.strictObject({ count, shown: z.array(z.string()) }),
  landing: z.strictObject({ sessionId, target: branch, squash: z.boolean() }),
  lingering: z.strictObject({ background: z.array(z.string()), until: time.nullable() }),
  proof: z.strictObject({
    ...{ isDue: z.boolean(), checks: count, command: count, round: count, ranMs: count },
    subject: z.strictObject({ commit: commit.nullable(), restored: texts }).nullable(),
    runningSince: time.nullable(),
    failed: z.strictObject({ report: checkReport, outputTail: z.string() }).nullable(),
  }),
  repositoryStart: z.strictObject({ commit, branch: branch.nullable() }),
  usage: z.strictObject({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cacheReadTokens: z.number(),
    cacheWriteTokens: z.number(),
    turns: z.number(),
    costUsd: z.number().nullable(),
  }),
  verifyRules: z.strictObject({ commands: texts.min(1), timeoutMs: count, fixRounds: count, protect: texts }),
  worktreeSetup: z.strictObject({ copy: texts, link: texts, setup: z.string().nullable(), ports: count }),
};

function schemaOf(shape: Shape): z.ZodType {
  const schema = shape.nullable === true ? plainSchemaOf(shape).nullable() : plainSchemaOf(shape);
  return shape.missing === undefined ? schema : schema.default(shape.missing);
}

function plainSchemaOf(shape: Shape): z.ZodType {
  switch (shape.type) {
    case 'text': {
      const { allows = () => true, rule } = shape;
      return z.string().refine(allows, rule);
    }
    case 'time':
      return time;
    case 'choice':
      return z.enum(shape.values);
    case 'integer':
      return z.int().min(shape.min);
    case 'number':
      return z.number();
    case 'document':
      return documents[shape.kind];
    case 'json':
      return z.json();
    case 'record':
      return z.strictObject(membersOf(shape.members));
  }
}

function membersOf(members: Readonly<Record<string, Shape>>): Record<string, z.ZodType> {
  return Object.fromEntries(Object.entries(members).map(([key, shape]) => [key, schemaOf(shape)]));
}

/** Rows of the tables, validated by the declarations that store them. */
export const sessionShape = schemaOf(sessionTable.shape) as z.ZodType<Session>;
export const agentShape = z.strictObject({
  ...membersOf(agentTable.shape.members),
  dependsOn: z.array(agentId),
}) as unknown as z.ZodType<Agent>;

const checkpoint = z.strictObject({
  version: z.literal(1),
  at: time,
  reason: z.string(),
  lastEvent: z.strictObject({ seq: z.int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) }),
  workflow: z.strictObject({
    session: sessionShape,
    agents: z.array(agentShape).min(1),
    phases: z.array(schemaOf(phaseTable.shape) as z.ZodType<Phase>),
  }),
});

/** @throws MaosError INVALID_INPUT with the file and the problem */
export function parseCheckpoint(text: string, path: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, 'is not JSON', cause);
  }
  const parsed = checkpoint.safeParse(value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw unusable(
      path,
      `is not a checkpoint: ${quote(first?.path.join('.') ?? '')}: ${first?.message}`,
      parsed.error,
    );
  }
  const { session: owner, agents } = parsed.data.workflow;
  const stranger = agents.find((member) => member.sessionId !== owner.id);
  if (stranger !== undefined) throw unusable(path, `has an agent of another session (${stranger.sessionId})`);
  return parsed.data;
}

function unusable(path: string, why: string, cause?: unknown): MaosError {
  return new MaosError('INVALID_INPUT', `${showPath(path)} ${why}. Try another checkpoint.`, {
    details: { path },
    cause,
  });
}

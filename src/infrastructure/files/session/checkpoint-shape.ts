import { isAbsolute } from 'node:path';
import * as z from 'zod';
import type { Checkpoint } from '../../../application/ports/maintenance.ts';
import { agentStates, failureKinds } from '../../../domain/agent.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { isAgentId, isSessionId } from '../../../domain/ids.ts';
import { phaseStates } from '../../../domain/orchestration.ts';
import { agentNamePattern } from '../../../domain/plan.ts';
import {
  exitPolicies,
  failurePolicies,
  parentEndPolicies,
  sessionStates,
  storedStrategies,
} from '../../../domain/session.ts';
import { showPath } from '../disk/file-error.ts';

/** The shape of a checkpoint file: it becomes rows, folders and commands, so nothing of it is taken on trust. */

const time = z.iso.datetime({ precision: 3 });
const count = z.int().min(0);
const sessionId = z.string().refine((text) => isSessionId(text), 'is no session id');
const agentId = z.string().refine((text) => isAgentId(text), 'is no agent id');

const budget = z.strictObject({
  maxTokens: z.number().nullable(),
  maxCostUsd: z.number().nullable(),
  maxTurns: z.number().nullable(),
  maxWallMs: z.number().nullable(),
});

const usage = z.strictObject({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  turns: z.number(),
  costUsd: z.number().nullable(),
});

const session = z.strictObject({
  id: sessionId,
  objective: z.string(),
  strategy: z.enum(storedStrategies),
  failurePolicy: z.enum(failurePolicies),
  onExit: z.enum(exitPolicies),
  limits: z.strictObject({ maxConcurrency: count.nullable(), maxAgentsPerRole: count.nullable() }),
  budget,
  depth: count,
  /** Not in checkpoints of earlier versions. */
  parent: z
    .strictObject({ sessionId, agentId, onEnd: z.enum(parentEndPolicies) })
    .nullable()
    .default(null),
  /** Not in checkpoints of earlier versions. */
  folder: z
    .string()
    .refine((path) => isAbsolute(path), 'is not an absolute path')
    .nullable()
    .default(null),
  state: z.enum(sessionStates),
  pauseReason: z.enum(['user', 'interrupted', 'quota']).nullable(),
  resumeAt: time.nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
});

const agent = z.strictObject({
  id: agentId,
  sessionId,
  name: z.string().regex(agentNamePattern),
  role: z.strictObject({
    name: z.string(),
    custom: z
      .strictObject({
        description: z.string(),
        responsibilities: z.array(z.string()),
        file: z
          .strictObject({
            path: z.string(),
            prompt: z.string(),
            tools: z.array(z.string()).nullable(),
            deniedTools: z.array(z.string()),
          })
          .optional(),
      })
      .nullable(),
  }),
  ordinal: z.int().min(1),
  instance: z.string(),
  task: z.string(),
  backend: z.string(),
  command: z.union([z.array(z.string()), z.string()]).nullable(),
  model: z.string().nullable(),
  workspace: z.enum(['project', 'own']),
  timeoutMs: z.number(),
  maxMemoryMb: z.number(),
  budget,
  phase: count,
  dependsOn: z.array(agentId),
  state: z.enum(agentStates),
  attempt: count,
  failure: z
    .strictObject({ kind: z.enum(failureKinds), message: z.string(), stderrTail: z.string() })
    .nullable(),
  result: z.string().nullable(),
  // Not in checkpoints of earlier versions.
  lingering: z
    .strictObject({ background: z.array(z.string()), until: time.nullable() })
    .nullable()
    .default(null),
  denials: z
    .strictObject({ count, shown: z.array(z.string()) })
    .nullable()
    .default(null),
  usage: usage.nullable(),
  usageBefore: usage.nullable(),
  resumed: z.string().nullable(),
  conversation: z.string().nullable(),
  notBefore: time.nullable(),
  postponed: count,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
});

const checkpoint = z.strictObject({
  version: z.literal(1),
  at: time,
  reason: z.string(),
  lastEvent: z.strictObject({ seq: z.int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) }),
  workflow: z.strictObject({
    session,
    agents: z.array(agent).min(1),
    phases: z.array(z.strictObject({ index: count, state: z.enum(phaseStates) })),
  }),
});

/** @throws MaosError INVALID_INPUT naming the file and what is wrong with it */
export function parseCheckpoint(text: string, path: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(path, 'is no JSON', cause);
  }
  const parsed = checkpoint.safeParse(value);
  if (!parsed.success) {
    const [first] = parsed.error.issues;
    throw unusable(
      path,
      `is no checkpoint: ${quote(first?.path.join('.') ?? '')}: ${first?.message}`,
      parsed.error,
    );
  }
  const { session: owner, agents } = parsed.data.workflow;
  const stranger = agents.find((member) => member.sessionId !== owner.id);
  if (stranger !== undefined) throw unusable(path, `has an agent of another session (${stranger.sessionId})`);
  return parsed.data as unknown as Checkpoint;
}

function unusable(path: string, why: string, cause?: unknown): MaosError {
  return new MaosError('INVALID_INPUT', `${showPath(path)} ${why}. Try another checkpoint.`, {
    details: { path },
    cause,
  });
}

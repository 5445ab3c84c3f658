import * as z from 'zod';
import type {
  AttemptClaim,
  AttemptKey,
  BlobName,
  HostedWork,
  HostFact,
  HostReport,
  Offer,
  OfferTerms,
  Wish,
} from '../../application/ports/fleet.ts';
import { maxCallBytes, type TeamAnswer, type TeamCall } from '../../application/ports/team-calls.ts';
import { MaosError } from '../../domain/errors.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../../domain/ids.ts';
import { poolPattern } from '../../domain/pool.ts';

/**
 * Validates what comes from other machines, because its content becomes folders, subjects and texts for people. Newer
 * versions may send more fields: they are ignored in reports and wishes, but refused in orders, which might otherwise
 * be carried out without a limit that they set.
 */

/** An offer as it is sent. */
interface SentOffer extends Offer {
  readonly terms: OfferTerms | null;
  readonly signed: { readonly by: string; readonly signature: string } | null;
}

const count = z.int().min(0);
const time = z.iso.datetime();
const line = z.string().max(10_000);

const name = z.string().regex(poolPattern);

const keyShape: z.ZodType<AttemptKey> = z.strictObject({
  project: z.string().regex(/^[0-9a-f]{64}$/),
  sessionId: z.custom<SessionId>((id) => typeof id === 'string' && isSessionId(id), 'is not a session id'),
  agentId: z.custom<AgentId>((id) => typeof id === 'string' && isAgentId(id), 'is not an agent id'),
  attempt: z.int().min(1).max(1_000_000),
});

export const blobShape: z.ZodType<BlobName> = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.-]{1,300}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Offers and reports of versions without it are of format 0. */
const format = count.max(1_000_000).default(0);
const publicKey = z.string().regex(/^U[A-Z2-7]{55}$/);

const terms: z.ZodType<OfferTerms> = z.object({ era: z.string().max(64), hosts: z.array(name).max(10_000) });

const offer: z.ZodType<SentOffer> = z.object({
  ...{ key: keyShape, pool: name, format, order: blobShape },
  terms: terms.nullable().default(null),
  signed: z
    .object({ by: publicKey, signature: z.base64().max(200) })
    .nullable()
    .default(null),
});

const claim: z.ZodType<AttemptClaim> = z.object({
  host: name.nullable(),
  incarnation: z.string().regex(/^[A-Za-z0-9_-]{0,64}$/),
  epoch: count,
  phase: z.enum(['claimed', 'spawning', 'running', 'ended']),
  obeyed: count,
  era: z.string().max(100).optional(),
});

const callId = z.string().regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
const text = z.string().max(maxCallBytes);

const call: z.ZodType<TeamCall> = z.object({
  id: callId,
  ask: z.discriminatedUnion('type', [
    z.object({ type: z.literal('tool'), name: z.string().max(100), input: z.json() }),
    z.object({
      type: z.literal('command'),
      args: z.array(text).max(1_000),
      stdin: text,
      folder: z.string().max(4_096),
    }),
  ]),
});

const answer: z.ZodType<TeamAnswer> = z.object({
  call: callId,
  outcome: z.discriminatedUnion('type', [
    z.object({ type: z.literal('text'), text }),
    z.object({ type: z.literal('error'), code: z.string().max(100), message: text }),
    z.object({ type: z.literal('exit'), status: z.int().min(0).max(255), stdout: text, stderr: text }),
  ]),
});

const wish: z.ZodType<Wish> = z.object({
  number: z.int().min(1),
  isPaused: z.boolean(),
  stop: z.object({ graceMs: z.number().min(0).max(86_400_000) }).nullable(),
  input: z.array(z.object({ id: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/), base64: z.base64() })),
  isInputOver: z.boolean(),
  answers: z.array(answer).default([]),
  code: z.exactOptional(
    z.discriminatedUnion('how', [
      z.strictObject({ how: z.literal('sent'), blob: blobShape }),
      z.strictObject({ how: z.literal('failed'), reason: line }),
    ]),
  ),
});

const stop = z.object({
  signals: z.array(line),
  survivors: count,
  tookMs: z.number(),
  processes: z.exactOptional(z.array(line)),
});

const end = z.discriminatedUnion('how', [
  z.object({
    how: z.literal('exited'),
    exitCode: z.int().nullable(),
    signal: line.nullable(),
    at: time,
    strays: z.exactOptional(stop),
  }),
  z.object({ how: z.literal('lost'), at: time }),
  z.object({ how: z.literal('never_started'), at: time }),
]);

export const commitShape = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
export const commitsShape = z.array(commitShape).max(100);

const work: z.ZodType<HostedWork> = z.discriminatedUnion('how', [
  z.object({
    how: z.literal('taken'),
    commit: commitShape,
    history: commitShape.nullable(),
    bundle: blobShape.nullable(),
    unkept: z.array(line).max(1_000),
  }),
  z.object({ how: z.literal('failed'), reason: line }),
]);

const fact: z.ZodType<HostFact> = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('lacks'),
    code: z.object({ commits: commitsShape, has: commitsShape }),
  }),
  z.object({
    type: z.literal('spawned'),
    location: z.object({ kind: line, label: line, data: z.record(z.string(), z.json()) }),
    takesInput: z.boolean(),
    resumed: z.boolean(),
  }),
  z.object({
    type: z.literal('used'),
    number: count,
    sample: z.object({
      ...{ cpuMs: z.number().min(0), memoryBytes: z.number().min(0), processes: count, outputBytes: count },
    }),
  }),
  z.object({ type: z.literal('called'), call }),
  z.object({ type: z.literal('withdrawn'), call: callId }),
  z.object({
    type: z.literal('limited'),
    limit: z.object({
      failure: z.enum(['timeout', 'memory_limit', 'budget_exceeded']),
      explanation: line,
    }),
  }),
  z.object({
    type: z.literal('ended'),
    end,
    stop: stop.nullable(),
    refusal: line.nullable(),
    printed: z.object({ stdout: count, stderr: count }),
    files: blobShape.nullable(),
    work: work.nullable(),
  }),
]);

const host: z.ZodType<HostReport> = z.object({
  name,
  incarnation: line,
  pools: z.array(name),
  slots: count,
  running: count,
  freeMemoryMb: z.number(),
  isDraining: z.boolean(),
  format,
  homes: z.array(publicKey).nullable().default(null),
  labels: z.record(z.string().max(63), z.string().max(200)),
  backends: z
    .array(
      z.object({
        name: line,
        isInstalled: z.boolean(),
        version: line.nullable(),
        signedIn: z.enum(['yes', 'no', 'unknown']),
        heldUntil: time.nullable(),
      }),
    )
    .max(200),
  version: line,
  at: time,
});

function reader<T>(what: string, schema: z.ZodType<T>): (value: unknown) => T {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [first] = parsed.error.issues;
    const where = first?.path.join('.') ?? '';
    throw new MaosError(
      'INVALID_INPUT',
      `${what} from another machine is not valid: ${where} ${first?.message}. Its MAOS may be of another version.`,
      { cause: parsed.error },
    );
  };
}

/** The readers throw MaosError INVALID_INPUT. */
export const readKey = reader('The key of an attempt', keyShape);
export const readOffer = reader('An offer', offer);
export const readClaim = reader('A claim', claim);
export const readWish = reader('A wish', wish);
export const readFact = reader('A fact', fact);
export const readCall = reader('A call', call);
export const readAnswer = reader('An answer', answer);
export const readHost = reader('The report of a host', host);

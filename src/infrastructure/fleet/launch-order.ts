import * as z from 'zod';
import type { LaunchOrder, OrderedCode } from '../../application/ports/hosting.ts';
import type { WorkStart } from '../../application/ports/workspaces.ts';
import { MaosError } from '../../domain/errors.ts';
import { agentShape, sessionShape } from '../files/session/checkpoint-shape.ts';
import { isRemoteUrl } from '../git/remote-url.ts';
import { blobShape, commitShape, commitsShape } from './messages.ts';

const remote = z.string().refine(isRemoteUrl, 'is not an address of a remote repository');

const start: z.ZodType<WorkStart> = z.strictObject({
  commit: commitShape,
  merge: z.strictObject({ ours: commitShape, theirs: commitShape, paths: z.array(z.string()) }).nullable(),
  later: commitsShape,
});

const code: z.ZodType<OrderedCode> = z.strictObject({
  bundles: z
    .array(
      z.strictObject({
        commits: commitsShape,
        blob: blobShape.nullable(),
        remotes: z.exactOptional(z.array(remote).max(10)),
      }),
    )
    .max(10),
  brought: blobShape.nullable(),
});

/** A CLI must not take an argument for one of its options, such as one that grants permissions. */
const noOption = /^[^-]/;
const orderedAgent = agentShape.refine(({ role }) => {
  const { tools, deniedTools = [] } = role.custom?.file ?? {};
  return [...(tools ?? []), ...deniedTools].every((tool) => noOption.test(tool));
}, 'has a role with a tool that could be taken for an option');

/** Raise `orderFormat` when you change it. */
export const orderShape: z.ZodType<LaunchOrder> = z.strictObject({
  session: sessionShape,
  agent: orderedAgent,
  prompt: z.string(),
  resume: z
    .strictObject({ conversation: z.string().max(1_000).regex(noOption), prompt: z.string() })
    .nullable(),
  briefing: z.string(),
  maxSubagents: z.int().min(0).nullable(),
  start: start.nullable(),
  files: blobShape.nullable(),
  code: code.nullable(),
});

export function encodeOrder(given: LaunchOrder): Uint8Array {
  return Buffer.from(JSON.stringify(given));
}

/** Validates an order strictly, because its content becomes folders and arguments. @throws MaosError INVALID_INPUT */
export function decodeOrder(bytes: Uint8Array): LaunchOrder {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new MaosError('INVALID_INPUT', 'The order of a home is not JSON.', { cause });
  }
  const parsed = orderShape.safeParse(value);
  if (parsed.success && parsed.data.agent.sessionId === parsed.data.session.id) return parsed.data;
  const [first] = parsed.error?.issues ?? [];
  const what =
    first === undefined ? 'its agent is of another session' : `${first.path.join('.')} ${first.message}`;
  throw new MaosError(
    'INVALID_INPUT',
    `The order of a home is not valid: ${what}. Its MAOS may be of another version.`,
  );
}

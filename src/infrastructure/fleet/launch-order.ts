import * as z from 'zod';
import type { LaunchOrder } from '../../application/ports/hosting.ts';
import { MaosError } from '../../domain/errors.ts';
import { agentShape, sessionShape } from '../files/session/checkpoint-shape.ts';
import { blobShape } from './messages.ts';

const order: z.ZodType<LaunchOrder> = z.strictObject({
  session: sessionShape,
  agent: agentShape,
  prompt: z.string(),
  briefing: z.string(),
  maxSubagents: z.int().min(0).nullable(),
  files: blobShape.nullable(),
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
  const parsed = order.safeParse(value);
  if (parsed.success && parsed.data.agent.sessionId === parsed.data.session.id) return parsed.data;
  const [first] = parsed.error?.issues ?? [];
  const what =
    first === undefined ? 'its agent is of another session' : `${first.path.join('.')} ${first.message}`;
  throw new MaosError(
    'INVALID_INPUT',
    `The order of a home is not valid: ${what}. Its MAOS may be of another version.`,
  );
}

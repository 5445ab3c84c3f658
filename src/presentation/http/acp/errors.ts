import type { Context } from 'hono';
import type * as z from 'zod';
import { explained } from '../../../application/system-error.ts';
import type { ErrorCode } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { isCutOff } from '../server/cut-off.ts';
import type { HttpDeps } from '../server/deps.ts';
import type { AcpErrorBody } from './schemas.ts';

type Status = 400 | 403 | 404 | 409 | 422 | 429 | 500 | 503;

/** An error response of the protocol. */
export class AcpError extends Error {
  readonly status: Status;
  readonly body: AcpErrorBody;

  constructor(status: Status, code: AcpErrorBody['code'], message: string, data?: unknown) {
    super(message);
    this.name = 'AcpError';
    this.status = status;
    this.body = data === undefined ? { code, message } : { code, message, data };
  }
}

export function notFound(message: string): AcpError {
  return new AcpError(404, 'not_found', message);
}

export function invalid(message: string, data?: unknown): AcpError {
  return new AcpError(422, 'invalid_input', message, data);
}

/** For a request that the current state of the run does not allow. */
export function notPossible(message: string): AcpError {
  return new AcpError(403, 'server_error', message);
}

const statuses: Partial<Record<ErrorCode, readonly [Status, AcpErrorBody['code']]>> = {
  SESSION_NOT_FOUND: [404, 'not_found'],
  AGENT_NOT_FOUND: [404, 'not_found'],
  INVALID_INPUT: [422, 'invalid_input'],
  INVALID_PLAN: [422, 'invalid_input'],
  INVALID_ROLE: [422, 'invalid_input'],
  INVALID_TRANSITION: [403, 'server_error'],
  FORBIDDEN: [403, 'server_error'],
  RESOURCE_LIMIT_EXCEEDED: [429, 'server_error'],
  BACKEND_UNAVAILABLE: [503, 'server_error'],
  STORE_BUSY: [503, 'server_error'],
};

/** Answers with the protocol's form of any error; MAOS's code is in `data.code`. Bugs are logged. */
export function answerError(deps: HttpDeps, error: unknown, context: Context): Response {
  if (isCutOff(error)) return context.body(null, 400);
  const { status, body } = toAcpError(error) ?? defect(deps, error, context);
  return context.json(body, status);
}

function toAcpError(error: unknown): AcpError | null {
  if (error instanceof AcpError) return error;
  const known = explained(error);
  if (known === null) return null;
  const [status, code] = statuses[known.code] ?? [500, 'server_error'];
  return new AcpError(status, code, known.message, { code: known.code });
}

function defect({ runtime }: HttpDeps, error: unknown, context: Context): AcpError {
  runtime.log('error', 'acp request failed', { path: context.req.path, error });
  const message = `This is a bug in MAOS. See the logs in ${JSON.stringify(runtime.home)} for details.`;
  return new AcpError(500, 'server_error', message, { code: 'INTERNAL' });
}

/** Reads the body as JSON, whatever its Content-Type. @throws AcpError 422, MaosError INVALID_INPUT */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await context.req.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('The body is not JSON.');
  }
  if (isDeeperThan(maxDepth, value)) throw invalid(`The body is nested more than ${maxDepth} deep.`);
  return parseInput(schema, value, 'body');
}

/** A much deeper value could be parsed, but not serialized again. */
const maxDepth = 100;

function isDeeperThan(limit: number, value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= limit && level.length > 0; depth++) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return level.length > 0;
}

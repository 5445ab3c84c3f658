import type { Context, Handler } from 'hono';
import { type ErrorCode, isMaosError, MaosError } from '../../../domain/errors.ts';
import type { HttpEnv } from './endpoints.ts';

const statuses: Partial<Record<ErrorCode, 400 | 403 | 404 | 409 | 429>> = {
  INVALID_INPUT: 400,
  INVALID_PLAN: 400,
  INVALID_ROLE: 400,
  BACKEND_UNAVAILABLE: 409,
  FORBIDDEN: 403,
  SESSION_NOT_FOUND: 404,
  AGENT_NOT_FOUND: 404,
  INVALID_TRANSITION: 409,
  RESOURCE_LIMIT_EXCEEDED: 429,
};

/**
 * A handler below `/api`, whose refusals have the form of the guard's.
 * @param more further fields of a refusal
 */
export function refusing(
  handle: (context: Context<HttpEnv>) => Promise<Response>,
  more: (error: MaosError) => object = () => ({}),
): Handler<HttpEnv> {
  return async (context) => {
    try {
      return await handle(context);
    } catch (error) {
      const status = isMaosError(error) ? statusOf(error) : undefined;
      if (!isMaosError(error) || status === undefined) throw error;
      return context.json({ code: error.code, message: error.message, ...more(error) }, status);
    }
  };
}

function statusOf({ code, details }: MaosError) {
  return details.problem === 'not_found' ? 404 : statuses[code];
}

/** @throws MaosError INVALID_INPUT */
export async function jsonBody(context: Context<HttpEnv>): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MaosError('INVALID_INPUT', 'The body is not JSON.', { cause });
  }
}

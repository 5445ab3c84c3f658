import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { Protocol } from '@modelcontextprotocol/sdk/shared/protocol.js';
import * as z from 'zod';
import { isMaosError } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { invalidParams } from './request-error.ts';

type Handling = Parameters<Server['setRequestHandler']>;

/**
 * The SDK's server, but malformed parameters of any method, including `initialize`, are an 'invalid params' error that
 * names them. The SDK would answer 'internal error' with its schema's full report.
 *
 * Handlers are registered with the SDK server's base class: the server itself would validate `tools/call` again, with
 * such a report, and require a task if a client requests one. A server without tasks must ignore that request
 * (2025-11-25, basic/utilities/tasks).
 */
export class StrictServer extends Server {
  override setRequestHandler(...[schema, handle]: Handling): void {
    const strict = schema as unknown as z.ZodObject<{ method: z.ZodLiteral<string> }>;
    const { method } = strict.shape;
    const lenient = z.object({ method, params: z.unknown().optional() });
    const checked: Handling[1] = async (request, extra) =>
      handle(check(strict, request) as typeof request, extra);
    Protocol.prototype.setRequestHandler.call(this, lenient as unknown as Handling[0], checked as never);
  }

  /** Ignores a requested task, see above. */
  protected override assertTaskHandlerCapability(): void {}
}

function check(schema: z.ZodType, request: { readonly method: string; readonly params?: unknown }): unknown {
  try {
    return parseInput(schema, { ...request, params: request.params ?? {} }, request.method);
  } catch (error) {
    throw isMaosError(error) ? invalidParams(error.message) : error;
  }
}

import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { Protocol } from '@modelcontextprotocol/sdk/shared/protocol.js';
import * as z from 'zod';
import { isMaosError } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { invalidParams } from './request-error.ts';

type Handling = Parameters<Server['setRequestHandler']>;

/**
 * The SDK's server, but malformed parameters of any method, `initialize` among them, are an 'invalid params' error that
 * names them. The SDK answers 'internal error' with the whole report of its schema.
 *
 * Handlers go to the class below the SDK's server, which for `tools/call` would check once more, with such a report, and
 * would want a task where a client asks for one: who does not offer tasks has to answer as ever (2025-11-25, basic/utilities/tasks).
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

  /** A requested task is ignored, as above. */
  protected override assertTaskHandlerCapability(): void {}
}

function check(schema: z.ZodType, request: { readonly method: string; readonly params?: unknown }): unknown {
  try {
    return parseInput(schema, { ...request, params: request.params ?? {} }, request.method);
  } catch (error) {
    throw isMaosError(error) ? invalidParams(error.message) : error;
  }
}

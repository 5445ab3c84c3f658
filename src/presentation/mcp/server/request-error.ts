import { explained } from '../../../application/system-error.ts';
import { type ErrorCode, quote } from '../../../domain/errors.ts';
import { errorCode } from '../transport/json-rpc.ts';

/** MCP 2025-11-25, server/resources. */
export const resourceNotFound = -32002;

/** A JSON-RPC error. The SDK's own class adds the code to the message, and clients add it again. */
export class RequestError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
    this.data = data;
  }
}

export function invalidParams(message: string): RequestError {
  return new RequestError(errorCode.invalidParams, message);
}

/** @param why the message; default: that there is no such resource */
export function noResource(uri: string, why = `There is no resource ${quote(uri)}.`): RequestError {
  return new RequestError(resourceNotFound, why, { uri });
}

const notFound: readonly ErrorCode[] = ['SESSION_NOT_FOUND', 'AGENT_NOT_FOUND', 'INVALID_INPUT', 'FORBIDDEN'];

/** An error of MAOS as the specification's error; any other error unchanged. */
export function asRequestError(error: unknown, params: unknown): unknown {
  const known = explained(error);
  if (known === null) return error;
  const { code, message, details } = known;
  const uri = (params as { readonly uri?: unknown } | undefined)?.uri;
  if (typeof uri === 'string' && notFound.includes(code)) return noResource(uri, message);
  const rpcCode = code === 'INVALID_INPUT' ? errorCode.invalidParams : errorCode.internalError;
  return new RequestError(rpcCode, message, { code, details });
}

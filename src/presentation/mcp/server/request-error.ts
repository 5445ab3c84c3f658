import { ErrorCode } from '@modelcontextprotocol/sdk/types.js';
import { quote } from '../../../domain/errors.ts';

/** MCP 2025-11-25, server/resources. */
const resourceNotFound = -32002;

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
  return new RequestError(ErrorCode.InvalidParams, message);
}

/** @param why the message; default: that there is no such resource */
export function noResource(uri: string, why = `There is no resource ${quote(uri)}.`): RequestError {
  return new RequestError(resourceNotFound, why, { uri });
}

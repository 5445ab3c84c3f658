import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** Error codes of JSON-RPC 2.0, section 5.1. */
export const errorCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
} as const;

/** Why something is not a valid message. */
export interface Complaint {
  readonly problem: string;
  /** The response to send; null for notifications and responses, which must not be answered. */
  readonly answer: JSONRPCMessage | null;
}

export type Checked = { readonly message: JSONRPCMessage } | { readonly complaint: Complaint };

type Json = Readonly<Record<string, unknown>>;

/** `JSON.parse` accepts any depth, but serializing such a message again (SDK, trace) would overflow the stack. */
const maxNesting = 500;

/** The key by which MCP relates a message to a task. The SDK refuses it unless `taskId` is a string. */
const relatedTask = 'io.modelcontextprotocol/related-task';

/**
 * Validates a value from `JSON.parse` like the SDK does; a test compares both. Removes members unknown to JSON-RPC, for
 * which the SDK would refuse the message.
 *
 * A refused request gets an error with its id, so that the sender does not wait; the SDK would not answer. Without
 * `method`, the id may belong to a response: then it is not used, because the sender could take the error for a
 * response to its own request.
 */
export function checkMessage(value: unknown): Checked {
  if (Array.isArray(value)) return refused('batches are not supported: send one message at a time');
  if (!isJson(value)) return refused('a message must be a JSON object');
  if (isDeeperThan(maxNesting, value)) {
    const problem = `nested deeper than ${maxNesting} levels`;
    return Object.hasOwn(value, 'method')
      ? refused(problem, value.id)
      : { complaint: { problem, answer: null } };
  }
  if (!Object.hasOwn(value, 'method')) return checkResponse(value);
  const { jsonrpc, id, method, params } = value;
  if (jsonrpc !== '2.0') return refused('jsonrpc must be "2.0"', id);
  if (typeof method !== 'string') return refused('method must be a string', id);
  const isRequest = Object.hasOwn(value, 'id');
  if (isRequest && !isId(id)) return refused('id must be a string or an integer');
  const problem = problemWithParams(params);
  const given = params === undefined ? {} : { params };
  // The SDK's type restricts params further; see the test.
  const message = (
    isId(id) ? { jsonrpc, id, method, ...given } : { jsonrpc, method, ...given }
  ) as JSONRPCMessage;
  if (problem === null) return { message };
  const answer = isId(id) ? errorAnswer(errorCode.invalidParams, `Invalid params: ${problem}.`, id) : null;
  return { complaint: { problem, answer } };
}

function checkResponse(value: Json): Checked {
  const { jsonrpc, id, result, error } = value;
  const [hasResult, hasError] = [Object.hasOwn(value, 'result'), Object.hasOwn(value, 'error')];
  if (!hasResult && !hasError) return refused('a message must have a method, a result or an error');
  const isFine = jsonrpc === '2.0' && hasResult !== hasError;
  if (isFine && hasResult && isId(id) && isJson(result) && problemWithMeta(result) === null) {
    return { message: { jsonrpc, id, result } };
  }
  if (isFine && hasError && (id === undefined || isId(id)) && isJson(error)) {
    const { code, message, data } = error;
    if (Number.isSafeInteger(code) && typeof message === 'string') {
      const said = { code: code as number, message, ...(data === undefined ? {} : { data }) };
      return { message: { jsonrpc, ...(id === undefined ? {} : { id }), error: said } };
    }
  }
  return { complaint: { problem: 'the answer is malformed', answer: null } };
}

/** JSON-RPC's response to text that is not JSON. The id is unknown. */
export function notJson(problem: string): Complaint {
  return { problem, answer: errorAnswer(errorCode.parseError, `Parse error: ${problem}.`) };
}

function refused(problem: string, id?: unknown): Checked {
  const answer = errorAnswer(
    errorCode.invalidRequest,
    `Invalid request: ${problem}.`,
    isId(id) ? id : undefined,
  );
  return { complaint: { problem, answer } };
}

/**
 * MCP, unlike JSON-RPC, does not allow the id `null`, so an error without an id only informs people who read the
 * stream.
 */
export function errorAnswer(code: number, message: string, id?: RequestId): JSONRPCMessage {
  return { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error: { code, message } };
}

function problemWithParams(params: unknown): string | null {
  if (params === undefined) return null;
  return isJson(params) ? problemWithMeta(params) : 'params must be an object';
}

function problemWithMeta({ _meta: meta }: Json): string | null {
  if (meta === undefined) return null;
  if (!isJson(meta)) return '_meta must be an object';
  const { progressToken, [relatedTask]: task } = meta;
  if (progressToken !== undefined && !isId(progressToken)) {
    return 'progressToken must be a string or an integer';
  }
  if (task !== undefined && !(isJson(task) && typeof task.taskId === 'string')) {
    return `${relatedTask} must have a taskId`;
  }
  return null;
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(levels - 1, item));
}

/** Larger numbers would be returned as a different id, because JSON.parse rounds them. */
export function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

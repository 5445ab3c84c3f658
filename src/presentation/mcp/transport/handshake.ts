import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { ServerIdentity } from '../server/identity.ts';
import { errorAnswer, errorCode, isJson } from './json-rpc.ts';

/**
 * Problem: a client waits for the answer to `initialize`, and loading the SDK takes longer than all else before it.
 * Solution: the answer is given without the SDK, which is loaded afterwards and is shown the same message; its own
 * answer goes nowhere. A test compares the two answers. Anything but a plain beginning is left to the SDK alone.
 */

/** The versions SDK 1.32 serves, the newest first; it offers the newest to a client that asks for another. */
export const protocolVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];

/** Newer clients ask for this first, and take 'method not found' for 'speak the older protocol'. */
export const probe = 'server/discover';

/**
 * The answer to one of the first messages: a result to a plain `initialize`, which begins the conversation; an error to
 * a probe, after which the beginning is still to come; null for anything else, which the SDK has to answer.
 */
export function answerEarly(message: JSONRPCMessage, identity: ServerIdentity): JSONRPCMessage | null {
  if (!('method' in message && 'id' in message)) return null;
  const { id, method, params = {} } = message;
  if (method === probe) return errorAnswer(errorCode.methodNotFound, 'Method not found', id);
  if (method !== 'initialize') return null;
  const { protocolVersion: asked, clientInfo, capabilities: offered } = params;
  const isNamed =
    isJson(clientInfo) && typeof clientInfo.name === 'string' && typeof clientInfo.version === 'string';
  const isPlain = isNamed && isJson(offered) && Object.values(offered).every(isJson);
  if (!isPlain || typeof asked !== 'string') return null;
  const protocolVersion = protocolVersions.includes(asked) ? asked : protocolVersions[0];
  const { capabilities, serverInfo, instructions } = identity;
  return { result: { protocolVersion, capabilities, serverInfo, instructions }, jsonrpc: '2.0', id };
}

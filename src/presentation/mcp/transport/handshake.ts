import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { ServerIdentity } from '../server/identity.ts';
import { isJson } from './json-rpc.ts';

/**
 * Problem: a client waits for the response to `initialize`, and loading the SDK takes longer than everything before it.
 * Solution: answer without the SDK. When it is loaded, it gets the same message, and its response is discarded. A test
 * compares both responses. Anything but a plain first message is left to the SDK.
 */

/** The versions that SDK 1.32 supports, newest first. It offers the newest to a client that requests an unknown one. */
export const protocolVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'];

/** The early response to the first message: a result for a plain `initialize`; null for anything else, which the SDK must answer. */
export function answerEarly(message: JSONRPCMessage, identity: ServerIdentity): JSONRPCMessage | null {
  if (!('method' in message && 'id' in message)) return null;
  const { id, method, params = {} } = message;
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

import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { metaKey, metaOf, modernCode, modernVersion } from '../../mcp/modern/claim.ts';
import { isJson } from '../../mcp/transport/json-rpc.ts';

/** Where a request's parameters name what it is about (MCP 2026-07-28, Streamable HTTP, "Standard Request Headers"). */
const namedBy: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

export type HeaderOf = (name: string) => string | undefined;

/** Whether the header alone says that a request is of a version without a handshake. */
export function namesModernVersion(header: HeaderOf): boolean {
  const version = header('mcp-protocol-version') ?? '';
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= modernVersion;
}

/**
 * The error for headers that are missing or do not repeat the body; null if they do.
 * @param message a request; notifications need no headers
 */
export function refuseHeaders(
  message: Extract<JSONRPCMessage, { method: string; id: unknown }>,
  header: HeaderOf,
): JSONRPCMessage | null {
  const { id, method } = message;
  const params: unknown = message.params;
  const refuse = (why: string): JSONRPCMessage => ({
    jsonrpc: '2.0',
    id,
    error: { code: modernCode.headerMismatch, message: `Header mismatch: ${why}.` },
  });
  const version = header('mcp-protocol-version');
  const claimed = metaOf(message)[metaKey.version];
  if (version === undefined) return refuse('the header MCP-Protocol-Version is missing');
  if (typeof claimed === 'string' && claimed !== version) {
    return refuse(`MCP-Protocol-Version is ${version}, but the body says ${claimed}`);
  }
  const named = header('mcp-method');
  if (named !== method) {
    return refuse(
      named === undefined
        ? 'the header Mcp-Method is missing'
        : `Mcp-Method is ${named}, but the method is ${method}`,
    );
  }
  const key = Object.hasOwn(namedBy, method) ? namedBy[method] : undefined;
  const wanted = key !== undefined && isJson(params) ? params[key] : undefined;
  if (typeof wanted !== 'string') return null;
  const given = header('mcp-name');
  if (given === undefined) return refuse('the header Mcp-Name is missing');
  return decoded(given) === wanted ? null : refuse(`Mcp-Name is not the ${key} of the body`);
}

/** A value that is not plain ASCII is written as `=?base64?…?=`. */
function decoded(value: string): string {
  const [, encoded] = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value) ?? [];
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString();
}

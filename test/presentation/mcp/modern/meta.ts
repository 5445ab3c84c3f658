import type { JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** What every request of MCP 2026-07-28 must say. */
export const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
} as const;

/** A request of MCP 2026-07-28. @param params `_meta` in it adds to what is required */
export function modernRequest(
  id: RequestId,
  method: string,
  { _meta = {}, ...params }: Readonly<Record<string, unknown>> = {},
): JSONRPCRequest {
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...meta, ...(_meta as object) } } };
}

import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import type { ServerIdentity } from '../server/identity.ts';
import { allVersions, discoverMethod, metaKey } from './claim.ts';

/** How long lists stay valid, in milliseconds: nothing that the server offers changes while it runs. */
const listTtlMs = 3_600_000;
const unchanging = { ttlMs: listTtlMs, cacheScope: 'public' } as const;
const changing = { ttlMs: 0, cacheScope: 'private' } as const;

/** For every method whose result a client may keep (MCP 2026-07-28, server/utilities/caching). */
const cacheHints: Readonly<Record<string, typeof unchanging | typeof changing>> = {
  [discoverMethod]: unchanging,
  'tools/list': unchanging,
  'prompts/list': unchanging,
  'resources/templates/list': unchanging,
  'resources/list': changing,
  'resources/read': changing,
};

/** The answer to a request that is complete. */
export function completeAnswer(
  id: RequestId,
  method: string,
  { _meta, ...result }: Readonly<Record<string, unknown>>,
  { serverInfo }: ServerIdentity,
): JSONRPCMessage {
  return {
    jsonrpc: '2.0',
    id,
    result: {
      resultType: 'complete',
      ...result,
      ...cacheHints[method],
      _meta: { ...(_meta as object | undefined), [metaKey.serverInfo]: serverInfo },
    },
  };
}

/** The answer to `server/discover`. Without `logging`, which the version deprecates: this server sends no log messages. */
export function discoverAnswer(id: RequestId, identity: ServerIdentity): JSONRPCMessage {
  const { logging, ...capabilities } = identity.capabilities;
  const { instructions } = identity;
  return completeAnswer(
    id,
    discoverMethod,
    { supportedVersions: allVersions, capabilities, instructions },
    identity,
  );
}

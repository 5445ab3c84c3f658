import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { protocolVersions } from '../transport/handshake.ts';
import { errorAnswer, errorCode, isJson } from '../transport/json-rpc.ts';

/** The first version without a handshake: every request says in `_meta` which version it is of. */
export const modernVersion = '2026-07-28';

/** Newest first. */
export const allVersions: readonly string[] = [modernVersion, ...protocolVersions];

export const discoverMethod = 'server/discover';

const prefix = 'io.modelcontextprotocol/';

/** Keys of `_meta` (MCP 2026-07-28, basic/index). */
export const metaKey = {
  version: `${prefix}protocolVersion`,
  capabilities: `${prefix}clientCapabilities`,
  logLevel: `${prefix}logLevel`,
  serverInfo: `${prefix}serverInfo`,
  subscription: `${prefix}subscriptionId`,
} as const;

/** Error codes of MCP 2026-07-28. */
export const modernCode = {
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

const logLevels: readonly unknown[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

/** Whether a message is one of a version without a handshake. Decided for each message, never for a connection. */
export function isModern(message: JSONRPCMessage): boolean {
  if (!('method' in message)) return false;
  return message.method === discoverMethod || Object.hasOwn(metaOf(message), metaKey.version);
}

/** `_meta` of a message's parameters; empty without one. */
export function metaOf(message: JSONRPCMessage): Readonly<Record<string, unknown>> {
  const params = 'params' in message ? message.params : undefined;
  const meta = isJson(params) ? params._meta : undefined;
  return isJson(meta) ? meta : {};
}

/** The error for a request whose `_meta` does not say what it must; null if it does. In the specification's order. */
export function refuseClaim(request: JSONRPCRequest): JSONRPCMessage | null {
  const { id } = request;
  const meta = metaOf(request);
  const {
    [metaKey.version]: version,
    [metaKey.capabilities]: capabilities,
    [metaKey.logLevel]: logLevel,
  } = meta;
  const invalid = (why: string): JSONRPCMessage =>
    errorAnswer(errorCode.invalidParams, `Invalid params: ${why}.`, id);
  if (typeof version !== 'string') return invalid(`_meta needs "${metaKey.version}", a string`);
  if (version !== modernVersion) {
    const message = `Unsupported protocol version ${JSON.stringify(version)}: without initialize, this server speaks ${modernVersion}.`;
    const data = { supported: allVersions, requested: version };
    return { jsonrpc: '2.0', id, error: { code: modernCode.unsupportedVersion, message, data } };
  }
  if (!isJson(capabilities)) return invalid(`_meta needs "${metaKey.capabilities}", an object`);
  if (logLevel !== undefined && !logLevels.includes(logLevel)) {
    return invalid(`"${metaKey.logLevel}" must be one of ${logLevels.join(', ')}`);
  }
  return null;
}

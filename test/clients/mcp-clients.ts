/** The official MCP clients: the Inspector, and the TypeScript SDK in its first and second version. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { installClient } from '../helpers/client-installation.ts';
import type { Told } from './heard.ts';
import { maosProgram, type Workplace } from './workplace.ts';

const INSPECTOR_VERSION = '2.12.0';
const CLIENT_V2_VERSION = '2.4.0';

/** The whole environment of a client: nothing is inherited, and no request leaves the machine. */
export function clientEnv(home: string): Record<string, string> {
  const closedPort = 'http://127.0.0.1:9';
  return {
    HOME: home,
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    TMPDIR: home,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    HTTP_PROXY: closedPort,
    HTTPS_PROXY: closedPort,
    NO_PROXY: '127.0.0.1',
  };
}

/** Returns the path of the Inspector's executable, a script for Node 22.19 and later; about 110 MB. */
export function installInspector(): Promise<string> {
  return installClient({
    package: '@modelcontextprotocol/inspector',
    version: INSPECTOR_VERSION,
    executable: 'mcp-inspector',
    folder: 'mcp-inspector',
    env: clientEnv,
  });
}

/** What both versions of the SDK have, by the types of the first. */
type SdkClient = Pick<
  Client,
  | 'getServerVersion'
  | 'getServerCapabilities'
  | 'getInstructions'
  | 'listTools'
  | 'listPrompts'
  | 'listResources'
  | 'listResourceTemplates'
  | 'readResource'
  | 'subscribeResource'
  | 'unsubscribeResource'
  | 'getPrompt'
  | 'complete'
  | 'setLoggingLevel'
  | 'ping'
  | 'close'
> & {
  /** Of the second version only: subscribes in a version without a handshake. */
  listen?(filter: { readonly resourceSubscriptions: readonly string[] }): Promise<{ close(): Promise<void> }>;
};

export type CallOptions = NonNullable<Parameters<Client['callTool']>[2]>;

type CallTool = (
  call: Parameters<Client['callTool']>[0],
  options?: CallOptions,
) => ReturnType<Client['callTool']>;

/** A client that is connected. */
export interface Conversation {
  readonly client: SdkClient;
  readonly callTool: CallTool;
  /** What the server sends passes through its `onmessage`. */
  readonly transport: Pick<Transport, 'onmessage' | 'sessionId'>;
  readonly protocolVersion: string;
  /** What the client could not make sense of, such as an answer nobody waits for. */
  readonly trouble: readonly Error[];
}

/** A client with a MAOS of its own. */
export interface Connected extends Conversation {
  /** What the server has written to stderr. */
  stderr(): string;
  /** Closes the client; then the server ends, or is ended. */
  leave(): Promise<void>;
}

/** A version of the SDK, and how it begins. */
export interface SdkVersion {
  /** The version of the protocol that it agrees on with MAOS. */
  readonly speaks: string;
  /** Whether it answers a list asked for without a cursor with all pages in one. */
  readonly joinsPages: boolean;
  /** The code it has for a resource that is not there; the server's is -32002, as MCP 2025-11-25 has it. */
  readonly noResource: number;
  /** Connects a client by the transport made from the version's own classes. */
  open(make: (classes: Transports) => Transport, onTold: (told: Told) => void): Promise<Conversation>;
}

/** An SDK and a way to connect with it. */
export interface Sdk extends SdkVersion {
  readonly name: string;
  /** The requests it begins with, one list for each process of the server that hears any. */
  readonly opens: readonly (readonly string[])[];
  /** Why the server ends when the client has left. */
  readonly endsBy: 'EOF' | 'SIGTERM';
  connect(workplace: Workplace, onTold: (told: Told) => void): Promise<Connected>;
}

/** What both versions have, by the types of the first. */
interface Transports {
  readonly StdioClientTransport: typeof StdioClientTransport;
  readonly StreamableHTTPClientTransport: typeof StreamableHTTPClientTransport;
}

/** How the second version finds out what to speak. */
type Negotiation = 'legacy' | 'auto' | { readonly pin: '2026-07-28' };

/** The SDK's second version, as far as it differs from the first. */
interface SecondVersion extends Transports {
  readonly Client: new (
    info: { name: string; version: string },
    options: { versionNegotiation: { mode: Negotiation } },
  ) => Client & {
    setNotificationHandler(method: Told['method'], handler: (told: Told) => void): void;
    callTool: CallTool;
  };
}

const clientInfo = { name: 'sdk-test', version: '1' };

export const firstVersion: SdkVersion = {
  speaks: '2025-11-25',
  joinsPages: false,
  noResource: -32002,
  async open(make, onTold) {
    const client = new Client(clientInfo);
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, onTold);
    client.setNotificationHandler(LoggingMessageNotificationSchema, onTold);
    const callTool: CallTool = (call, options) => client.callTool(call, undefined, options);
    return connect(client, callTool, make({ StdioClientTransport, StreamableHTTPClientTransport }));
  },
};

export function secondVersion(mode: Negotiation): SdkVersion {
  return {
    speaks: mode === 'legacy' ? '2025-11-25' : '2026-07-28',
    joinsPages: true,
    // Its `ResourceNotFoundError`, which has the code of a later protocol.
    noResource: -32602,
    async open(make, onTold) {
      const sdk = await loadSecondVersion();
      const client = new sdk.Client(clientInfo, { versionNegotiation: { mode } });
      client.setNotificationHandler('notifications/resources/updated', onTold);
      client.setNotificationHandler('notifications/message', onTold);
      return connect(client, client.callTool.bind(client), make(sdk));
    },
  };
}

/** Every way in which the official SDK speaks to a server over stdio. */
export const sdks: readonly Sdk[] = [
  overStdio('SDK v1', firstVersion, [['initialize']]),
  overStdio('SDK v2, legacy', secondVersion('legacy'), [['initialize']]),
  overStdio('SDK v2, auto', secondVersion('auto'), [['server/discover'], []]),
  overStdio('SDK v2, auto on one pipe', secondVersion('auto'), [['server/discover']]),
  overStdio('SDK v2, pinned', secondVersion({ pin: '2026-07-28' }), [['server/discover']]),
];

function overStdio(name: string, version: SdkVersion, opens: Sdk['opens']): Sdk {
  return {
    ...version,
    name,
    opens,
    endsBy: 'EOF',
    async connect({ home, maosHome, project }, onTold) {
      let stderr = '';
      const conversation = await version.open(({ StdioClientTransport }) => {
        // The probe goes to a process of its own, unless the transport is a class the SDK does not know.
        const isOnePipe = opens.length === 1;
        const Transport = isOnePipe ? class extends StdioClientTransport {} : StdioClientTransport;
        const transport = new Transport({
          command: process.execPath,
          args: [maosProgram, 'serve'],
          cwd: project,
          env: { ...tracingEnv(home), MAOS_HOME: maosHome },
          stderr: 'pipe',
        });
        transport.stderr?.on('data', (chunk) => {
          stderr += chunk;
        });
        return transport;
      }, onTold);
      return { ...conversation, stderr: () => stderr, leave: () => conversation.client.close() };
    },
  };
}

/** Subscribes in the way of the version that client and server speak. @returns the end of it */
export async function subscribe(
  { client, protocolVersion }: Pick<Conversation, 'client' | 'protocolVersion'>,
  uris: readonly string[],
): Promise<() => Promise<void>> {
  if (protocolVersion >= '2026') {
    const subscription = await client.listen?.({ resourceSubscriptions: uris });
    return async () => subscription?.close();
  }
  for (const uri of uris) await client.subscribeResource({ uri });
  return async () => {
    for (const uri of uris) await client.unsubscribeResource({ uri });
  };
}

/** With the messages of the protocol in the server's log. */
export function tracingEnv(home: string): Record<string, string> {
  return { ...clientEnv(home), MAOS_LOG: 'trace' };
}

/** The version comes from the registry: as a dependency of the project it would be one more for everybody to install. */
async function loadSecondVersion(): Promise<SecondVersion> {
  const name = '@modelcontextprotocol/client';
  const path = await installClient({
    package: name,
    version: CLIENT_V2_VERSION,
    // A library has no executable: it gets one, which runs when the library loads, and is what the tests import.
    executable: 'mcp-client.mjs',
    folder: 'mcp-client',
    env: clientEnv,
    finish: (folder) =>
      writeFile(
        join(folder, '..', '..', '.bin', 'mcp-client.mjs'),
        `#!/usr/bin/env node\nexport * from '${name}';\nexport * from '${name}/stdio';\n`,
        { mode: 0o755 },
      ),
  });
  return import(pathToFileURL(path).href);
}

async function connect(client: Client, callTool: CallTool, transport: Transport): Promise<Conversation> {
  const { setProtocolVersion } = transport;
  let protocolVersion = '';
  transport.setProtocolVersion = (version) => {
    protocolVersion = version;
    setProtocolVersion?.call(transport, version);
  };
  const trouble: Error[] = [];
  client.onerror = (error) => trouble.push(error);
  await client.connect(transport);
  return { client, callTool, transport, protocolVersion, trouble };
}

/** The official SDK over HTTP, in its first and second version. */
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Told } from './heard.ts';
import { type HttpMaos, serveHttp } from './http-bench.ts';
import { type Conversation, firstVersion, type Sdk, type SdkVersion, secondVersion } from './mcp-clients.ts';

export interface HttpSdk extends Sdk {
  /** Its client takes up a stream that was cut. */
  readonly resumes: boolean;
  /** Its client opens a session anew by itself when it has lost one. */
  readonly comesBack: boolean;
  /** To a MAOS that runs already, which it leaves alone. */
  connectTo(maos: Address, more?: ConnectOptions): Promise<Conversation>;
}

type Address = Pick<HttpMaos, 'url' | 'header'>;

interface ConnectOptions {
  /** A session of MCP to go on with; by default, a new one is opened. */
  readonly session?: { readonly sessionId: string; readonly protocolVersion: string };
  readonly onTold?: (told: Told) => void;
}

/** Every way in which the official SDK speaks to a server over HTTP. */
export const httpSdks: readonly HttpSdk[] = [
  overHttp('SDK v1 over Streamable HTTP', firstVersion),
  overHttp('SDK v1 over SSE', firstVersion, 'sse'),
  overHttp('SDK v2, legacy, over Streamable HTTP', secondVersion('legacy')),
  overHttp('SDK v2, auto, over Streamable HTTP', secondVersion('auto')),
];

function overHttp(name: string, version: SdkVersion, kind: 'streamable' | 'sse' = 'streamable'): HttpSdk {
  const connectTo: HttpSdk['connectTo'] = ({ url, header }, { session, onTold = () => {} } = {}) =>
    version.open(({ StreamableHTTPClientTransport }) => {
      const requestInit = { headers: header };
      if (kind === 'sse') return new SSEClientTransport(new URL(`${url}/sse`), { requestInit });
      const options = { requestInit, ...session };
      return new StreamableHTTPClientTransport(new URL(`${url}/mcp`), options) as Transport;
    }, onTold);
  return {
    ...version,
    name,
    opens: [[version.speaks >= '2026' ? 'server/discover' : 'initialize']],
    endsBy: 'SIGTERM',
    // The newer version has neither streams that go on after a break, nor sessions.
    resumes: kind === 'streamable' && version.speaks < '2026',
    comesBack: kind === 'sse' || version.speaks >= '2026',
    connectTo,
    async connect(workplace, onTold) {
      const maos = await serveHttp(workplace);
      const conversation = await connectTo(maos, { onTold });
      return {
        ...conversation,
        // It is asked for at the end.
        stderr: () => '',
        async leave() {
          await conversation.client.close();
          await maos.end();
        },
      };
    },
  };
}

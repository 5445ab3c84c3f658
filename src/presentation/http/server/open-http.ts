import type { Runtime } from '../../../application/runtime.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { serverIdentity } from '../../mcp/server/identity.ts';
import type { Serving } from '../../serving.ts';
import { isLoopback, isWildcard, parseListenAddress } from './address.ts';
import { type HttpService, startHttp } from './http-service.ts';
import { hostOf } from './own-page.ts';

/** How long pending requests may take when the process ends, before their connections are closed. */
const graceMs = 250;

/** How often to check for a replaced token, whose streams must be closed. */
const tokenLookMs = 1_000;

export interface HttpOptions {
  readonly projectPath: string;
  /** `[host:]port` */
  readonly listen: string;
  /** Allow hosts that other machines can reach. */
  readonly allowRemote: boolean;
  /** Host names to answer for, beside those of loopback and its own. */
  readonly hostNames: readonly string[];
}

export interface OpenHttp {
  /** The address and security notes, for people. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

/**
 * Adds HTTP mode to a serving process, and registers its port.
 * @throws MaosError INVALID_INPUT, and as {@link Runtime.httpToken}
 */
export async function openHttp(serving: Serving, runtime: Runtime, options: HttpOptions): Promise<OpenHttp> {
  const { projectPath } = options;
  const address = parseListenAddress(options.listen, options.allowRemote);
  const names = options.hostNames.map(hostName);
  const token = (): Promise<string> => runtime.httpToken('keep');
  const first = await token();
  const identity = serverIdentity(runtime.version);
  const { ending, onCall, repeatedCalls } = serving;
  const service = await startHttp(
    { runtime, identity, projectPath, ending, onCall, repeatedCalls },
    { ...address, names, token },
  );
  await runtime.listening(projectPath, service.port);
  // Like any long-running process, it adopts the project's orphaned sessions.
  await runtime.watchProject(projectPath);
  const stopLooking = cutWithToken(service, runtime, first);
  return {
    notices: noticesOf(address.host, service),
    async close() {
      stopLooking();
      await service.close(graceMs);
    },
  };
}

/** Requests are checked individually, but a stream continues when its token is replaced, until it is closed here. */
function cutWithToken(service: HttpService, runtime: Runtime, first: string): () => void {
  let last: string | null = first;
  const look = async (): Promise<void> => {
    let now: string | null = null;
    try {
      now = await runtime.httpToken('keep');
    } catch (error) {
      if (last !== null) runtime.log('error', 'cannot read the token; HTTP requests are refused', { error });
    }
    if (now === last) return;
    last = now;
    service.cut();
    runtime.log('info', 'the token changed; all connections were closed');
  };
  const timer = setInterval(() => void look(), tokenLookMs);
  return () => clearInterval(timer);
}

/** @throws MaosError INVALID_INPUT */
function hostName(given: string): string {
  const name = given.toLowerCase();
  if (hostOf(name) === name) return name;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(given)} is not a host name: give the name that clients use, without scheme and port.`,
    { details: { command: 'serve' } },
  );
}

function noticesOf(host: string, { url, port }: HttpService): readonly string[] {
  const place = isWildcard(host) ? `port ${port} on all addresses of this machine` : url;
  const listens = `MAOS is listening on ${place} ('maos token' prints the required token).`;
  if (isLoopback(host)) return [listens];
  return [
    listens,
    'Without TLS, anyone who can read this network can read the token and start agents here: use a TLS proxy or a tunnel.',
  ];
}

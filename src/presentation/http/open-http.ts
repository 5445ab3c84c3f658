import type { Runtime } from '../../application/runtime.ts';
import { serverIdentity } from '../mcp/identity.ts';
import type { Serving } from '../serving.ts';
import { parseListenAddress } from './address.ts';
import { startHttp } from './http-service.ts';

/** How long what is under way may take once the process ends, before connections are cut. */
const graceMs = 250;

/**
 * Adds HTTP mode to a process that serves, and writes down where it listens.
 * @param options.listen `[host:]port`
 * @param options.allowRemote the host may be reached from other machines
 * @throws MaosError INVALID_INPUT
 */
export async function openHttp(
  serving: Serving,
  runtime: Runtime,
  options: { readonly projectPath: string; readonly listen: string; readonly allowRemote: boolean },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { projectPath, listen, allowRemote } = options;
  const address = parseListenAddress(listen, allowRemote);
  const token = await runtime.httpToken('keep');
  const identity = serverIdentity(runtime.version);
  const { ending, onCall } = serving;
  const service = await startHttp({ runtime, identity, projectPath, ending, onCall }, { ...address, token });
  await runtime.listening(projectPath, service.port);
  // It looks after the project's sessions like any process that stays.
  await runtime.attend(projectPath);
  return { url: service.url, close: () => service.close(graceMs) };
}

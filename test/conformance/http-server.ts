/**
 * MAOS's own HTTP mode, with the fixtures of the suites (argument `fixtures`) or MAOS's own tools (`maos`), behind a
 * proxy that adds the token, because the suites cannot send one. Prints the address of `/mcp`. Works in the current
 * folder and MAOS_HOME, until its input ends.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { maosHome } from '../../src/infrastructure/files/home/maos-home.ts';
import { InstanceRegistration } from '../../src/infrastructure/instances/instance-registration.ts';
import { MaosRuntime } from '../../src/maos-runtime.ts';
import { startHttp } from '../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../src/presentation/mcp/server/identity.ts';
import type { Registry } from '../../src/presentation/mcp/server/registry.ts';
import { fixtures } from './fixtures.ts';
import { openTokenProxy } from './token-proxy.ts';

const token = 'token-of-the-suites';
const runtime = new MaosRuntime({}, new InstanceRegistration(maosHome(process.env), 'fixture'), new Set());
const ending = new AbortController();
const service = await startHttp(
  {
    runtime,
    identity: serverIdentity(runtime.version),
    projectPath: process.cwd(),
    ending: ending.signal,
    ...(process.argv[2] === 'fixtures' ? { loadRegistry: async () => breaking } : {}),
  },
  { host: '127.0.0.1', port: 0, token },
);
const proxy = await openTokenProxy(service.port, token);
process.stdout.write(`${proxy.url}/mcp\n`);

/** The suites require that `test_reconnection` loses its stream during the call. */
const breaking: Registry = {
  ...fixtures,
  tools: fixtures.tools.map((tool) =>
    tool.name !== 'test_reconnection'
      ? tool
      : {
          ...tool,
          call: async (args, context) => {
            await proxy.cut();
            // The client is disconnected in the meantime, and for a while afterwards.
            await delay(500);
            return tool.call(args, context);
          },
        },
  ),
};

for await (const _ of process.stdin);
ending.abort();
await proxy.close();
await service.close(1_000);
process.exit();

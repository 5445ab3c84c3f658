/**
 * MAOS's own server and transport, with the tools, resources and prompts of the conformance suites instead of its own.
 * Works in the current folder and MAOS_HOME.
 */

import { maosHome } from '../../src/infrastructure/files/home/maos-home.ts';
import { InstanceRegistration } from '../../src/infrastructure/instances/instance-registration.ts';
import { MaosRuntime } from '../../src/maos-runtime.ts';
import { openStdio } from '../../src/presentation/mcp/transport/stdio.ts';
import { Serving } from '../../src/presentation/serving.ts';
import { fixtures } from './fixtures.ts';

const runtime = new MaosRuntime({}, new InstanceRegistration(maosHome(process.env), 'fixture'), new Set());
const serving = new Serving(runtime, ['SIGTERM', 'SIGINT', 'SIGHUP']);
const close = await openStdio(serving, runtime, { loadRegistry: async () => fixtures });
await serving.untilEnd();
await close();
process.exit();

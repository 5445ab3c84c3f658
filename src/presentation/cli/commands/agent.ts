import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** Started by an agent's CLI, as configured by its backend. Not for people. */
export const agentCommand: CliCommand = {
  name: 'agent',
  summary: 'Serve MCP over stdio for one agent of a team',
  details:
    "The CLI of an agent runs this command: it finds the agent by the MAOS_* variables that MAOS gives to each, and offers what the agent can ask of its team. For other clients, use 'maos serve'.",
  arguments: [],
  options: [],
  examples: [],
  hidden: true,
  ownsProcess: true,
  async run({ env, endingSignals, runtime: makeRuntime }) {
    const runtime = makeRuntime();
    const [{ Serving }, { openStdio }, { agentServerIdentity }] = await Promise.all([
      import('../../serving.ts'),
      import('../../mcp/transport/stdio.ts'),
      import('../../mcp/agent/identity.ts'),
    ]);
    const serving = new Serving(runtime, endingSignals);
    const close = await openStdio(serving, runtime, {
      identity: agentServerIdentity(runtime.version),
      loadRegistry: async () => (await import('../../mcp/agent/registry.ts')).agentRegistry(env),
      isOnlooker: true,
    });
    await serving.untilEnd();
    await close();
    return exitStatus.done;
  },
};

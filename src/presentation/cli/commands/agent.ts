import { text } from 'node:stream/consumers';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** Started by an agent's CLI, as configured by its backend. Not for people. */
export const agentCommand: CliCommand = {
  name: 'agent',
  summary: 'Serve MCP over stdio for one agent of a team',
  details:
    "An agent's CLI runs this command. The MAOS_* variables in its environment identify the agent; the server offers the tools for working with its team. For other clients, use 'maos serve'.",
  arguments: [],
  options: [
    {
      flags: '--before-edit',
      description:
        'answer a PreToolUse hook of Claude Code instead: say whether another agent has claimed the file',
      kind: 'flag',
    },
  ],
  examples: [],
  hidden: true,
  ownsProcess: true,
  async run(context) {
    if (context.options.flag('before-edit')) return answerHook(context);
    const { env, endingSignals, runtime: makeRuntime } = context;
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

/** An error must not block the edit, so it is only logged. */
async function answerHook({ stdin, terminal, env, runtime }: CommandContext): Promise<number> {
  try {
    const { beforeEdit } = await import('../../before-edit.ts');
    const answer = await beforeEdit(runtime(), env, await text(stdin));
    if (answer !== null) terminal.document(answer);
  } catch (error) {
    runtime().log('debug', 'could not look for claims before an edit', { error });
  }
  return exitStatus.done;
}

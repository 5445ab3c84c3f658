import type { z } from 'zod';
import { MaosError } from '../../../domain/errors.ts';
import { callingAgent } from '../../calling-agent.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { isAwayFromHome, relayTool } from '../../relayed-calls.ts';
import type { Tool, ToolContext } from '../server/tool.ts';
import type { AgentContext } from './agent-context.ts';
import { tellWaiting } from './tell-waiting.ts';
import { waitingMessages } from './waiting-messages.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A tool whose result is only text, because everything that a model receives takes up its context. */
export interface AgentTool<Input = unknown> extends Omit<Tool, 'input' | 'output' | 'call'> {
  readonly input: z.ZodType<Input>;
  run(input: Input, context: AgentContext): Promise<string>;
}

/** Infers the type of the input. */
export function agentTool<Input>(tool: AgentTool<Input>): AgentTool {
  return tool as unknown as AgentTool;
}

/** For tools that only add to MAOS's records. */
export const changesRecords = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
} as const;

/**
 * Binds the tool to the agent of an environment. The agent is verified at every call, because it may have ended, or be
 * in its next attempt.
 */
export function toolFor(env: Environment, tool: AgentTool): Tool {
  const { run, ...definition } = tool;
  return {
    ...definition,
    async call(args, context) {
      const input = parseInput(tool.input, args, tool.name);
      if (isAwayFromHome(env)) {
        const text = await relayed(context, env, { name: tool.name, input: args });
        return { content: [{ type: 'text', text }] };
      }
      const agent = await callingAgent(context.runtime, env, '.');
      if (agent === null) {
        throw new MaosError(
          'FORBIDDEN',
          "'maos agent' serves an agent of a team, whose MAOS_* variables it needs. To start and see teams, use 'maos serve'.",
        );
      }
      const inAgent = { ...context, ...agent, callId: env.MAOS_AGENT_CALL ?? null };
      const text = await run(input, inAgent);
      const texts = [text, ...(await waitingMessages(inAgent))];
      // One part: some CLIs join several without a line break, and a message must begin a line.
      return { content: [{ type: 'text', text: texts.join('\n\n') }] };
    },
  };
}

/** The same as at home, for an agent on another machine; its home may be away for any time. */
async function relayed(
  { runtime, signal, notifyProgress }: ToolContext,
  env: Environment,
  call: { readonly name: string; readonly input: unknown },
): Promise<string> {
  const clock = {
    elapsedMs: () => performance.now(),
    after: (ms: number, act: () => void) => {
      const timer = setTimeout(act, ms);
      return () => clearTimeout(timer);
    },
  };
  const stop = tellWaiting({ project: { clock }, notifyProgress }, 1, 'waiting for the home of the agent');
  return relayTool(runtime, env, call, signal).finally(stop);
}

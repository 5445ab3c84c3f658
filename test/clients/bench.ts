/** The real Claude Code, a scripted model, and MAOS on the loopback interface: nothing leaves it. */
import type { TestContext } from 'node:test';
import { CLAUDE_CODE_VERSION, cleanClaudeEnv, installClaudeCode } from '../helpers/claude-code.ts';
import {
  type ModelRequest,
  type ScriptedModel,
  type ScriptedModelOptions,
  startScriptedModel,
} from '../helpers/scripted-model.ts';
import { storedAgents } from './stored-agents.ts';
import { type Ended, makeWorkplace, type Running, type Workplace } from './workplace.ts';

export interface BenchOptions {
  /** Default: the version the tests speak of. */
  readonly claudeVersion?: string;
  readonly respond: ScriptedModelOptions['respond'];
  /** Added to the clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `null`: not signed in with a key. */
  readonly apiKey?: string | null;
  /** `~/.maos/config.json`. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Bench extends Workplace {
  readonly model: ScriptedModel;
  /** Runs the real Claude Code in the project to its end. */
  claude(args: readonly string[], stdin?: string): Promise<Ended>;
  startClaude(args: readonly string[], stdin?: string | null): Running;
  /** Conversations as they are stored, by agent. */
  conversations(): ReadonlyMap<string, string | null>;
}

export async function makeBench(t: TestContext, options: BenchOptions): Promise<Bench> {
  const claudeProgram = await installClaudeCode({ version: options.claudeVersion ?? CLAUDE_CODE_VERSION });
  const model = await startScriptedModel({ respond: options.respond });
  t.after(model.close);
  const { apiKey } = options;
  const workplace = await makeWorkplace(t, {
    settings: options.settings,
    env: (home) => ({
      ...cleanClaudeEnv({ home, modelUrl: model.url, ...(apiKey === undefined ? {} : { apiKey }) }),
      MAOS_CLAUDE_PATH: claudeProgram,
      MAOS_LOG: 'trace',
      ...options.env,
    }),
  });
  const startClaude = (args: readonly string[], stdin?: string | null): Running =>
    workplace.start(claudeProgram, args, stdin);
  return {
    ...workplace,
    model,
    claude: (args, stdin) => startClaude(args, stdin).ended,
    startClaude,
    conversations: () => new Map(storedAgents(workplace).map(({ id, conversation }) => [id, conversation])),
  };
}

/** The prompt an agent was started with: the first message of its conversation, without Claude Code's reminders. */
export function promptOf({ messages }: ModelRequest): string {
  const content = messages[0]?.content ?? '';
  if (typeof content === 'string') return content;
  const texts = content.flatMap((block) => (block.type === 'text' ? [block.text ?? ''] : []));
  return texts.filter((part) => !part.startsWith('<system-reminder>')).join('\n');
}

import { installClaudeAgentAcp, installCodexAcp } from '../helpers/agent-client-adapters.ts';
import { cleanClaudeEnv } from '../helpers/claude-code.ts';
import { writeQwenSettings } from '../helpers/qwen-code.ts';
import { type ScriptStep, startScriptedModel } from '../helpers/scripted-model.ts';
import { type BackendDriver, type Said, usageOfAnswer } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';
import { geminiDriver } from './gemini-driver.ts';
import { opencodeDriver } from './opencode-driver.ts';
import { qwenDriver } from './qwen-driver.ts';

/** A program as an agent through the Agent Client Protocol, where that is not how MAOS runs it otherwise. */
function through(
  driver: BackendDriver,
  name: string,
  args: readonly string[],
  settings: Readonly<Record<string, unknown>>,
): BackendDriver {
  // Its path comes in a variable: the shell gives its process to the program.
  const command = { command: '/bin/sh', args: ['-c', 'exec "$AGENT_CLI" "$@"', 'sh', ...args] };
  const program = { ...command, permissionMode: 'allow', ...settings };
  return withSettings({ ...driver, name: `agent-client:${name}`, pathVariable: 'AGENT_CLI' }, program);
}

/** @param settings more of them, or others */
export function withSettings(
  driver: BackendDriver,
  settings: Readonly<Record<string, unknown>>,
): BackendDriver {
  const [, name = ''] = driver.name.split(':');
  const { agentClient = {} } = driver.backends ?? {};
  const before = (agentClient as Readonly<Record<string, object>>)[name];
  return { ...driver, backends: { agentClient: { [name]: { ...before, ...settings } } } };
}

export const geminiThrough = through(
  geminiDriver,
  'gemini',
  // Without the second it starts no MCP servers, and says nothing of it; with the third it asks no model for one.
  ['--acp', '--skip-trust', '-m', 'gemini-2.5-pro'],
  { pass: ['GEMINI_API_KEY', 'GOOGLE_GEMINI_BASE_URL'] },
);

export const opencodeThrough = through(
  {
    ...opencodeDriver,
    startModel: (respond) =>
      opencodeDriver.startModel((asked) =>
        asked.text.includes('You are a title generator') ? { text: 'A title' } : respond(asked),
      ),
  },
  'opencode',
  ['acp'],
  {},
);

export const qwenThrough = through(
  {
    ...qwenDriver,
    // Else it asks its model once more after each turn, for what is worth remembering.
    setUp: (home) => writeQwenSettings(home, { memory: { enableManagedAutoMemory: false } }),
  },
  'qwen',
  ['--acp'],
  { pass: ['OPENAI_*'], mode: 'default' },
);

export const codexThrough = through(
  { ...codexDriver, install: () => installCodexAcp(), countsTokens: false },
  'codex',
  // Of a model that it does not know it says so, in the model's place.
  ['-c', 'model="gpt-5.4"'],
  { pass: ['CODEX_API_KEY'], authMethod: 'codex-api-key', mode: 'full-access' },
);

export const claudeDriver: BackendDriver = {
  name: 'claude',
  pathVariable: 'MAOS_CLAUDE_PATH',
  install: () => installClaudeAgentAcp(),
  startModel: (respond) =>
    startScriptedModel({
      async respond({ system, messages, tools }) {
        // A title for the conversation is asked for without tools.
        if (tools.length === 0) return { text: 'A title' };
        const blocks = messages.flatMap(({ content }) =>
          typeof content === 'string' ? [{ type: 'text', text: content }] : content,
        );
        const commands = blocks.filter(({ type }) => type === 'tool_use').length;
        const words = blocks.map(({ text, content }) => text ?? JSON.stringify(content) ?? '');
        const asked = { text: [system, ...words].join('\n'), commands, tools: tools.map(({ name }) => name) };
        return toStep(await respond(asked));
      },
    }),
  env: (home, modelUrl) => ({ ...cleanClaudeEnv({ home, modelUrl }), CLAUDE_CODE_MAX_RETRIES: '1' }),
};

function toStep(said: Said): ScriptStep {
  if ('hang' in said) return said;
  if ('text' in said) return { ...said, usage: usageOfAnswer };
  if ('calls' in said) return { toolUse: { name: said.calls, input: said.arguments }, usage: usageOfAnswer };
  if ('command' in said) {
    return { toolUse: { name: 'Bash', input: { command: said.command } }, usage: usageOfAnswer };
  }
  const status = { 'wrong key': 401, 'rate limit': 429, 'unknown model': 404 }[said.refuses];
  return { error: { status, type: 'refused', message: said.refuses } };
}

export const claudeThrough = through(claudeDriver, 'claude', [], { pass: ['ANTHROPIC_*'], mode: 'default' });

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanCodexEnv, installCodex } from '../helpers/codex.ts';
import { type OpenAiStep, type OpenAiTool, startScriptedOpenAi } from '../helpers/scripted-openai.ts';
import { type BackendDriver, type Refusal, type Said, usageOfAnswer } from './backend-cases.ts';

/** The real Codex as an agent: OpenAI is its provider, and stands on the loopback interface. */
export const codexDriver: BackendDriver = {
  name: 'codex',
  pathVariable: 'MAOS_CODEX_PATH',
  install: () => installCodex(),
  startModel: (respond) =>
    startScriptedOpenAi(async ({ input, tools }) => {
      const commands = input.filter(({ type }) => type === 'function_call').length;
      const text = input.map(wordsOf).join('\n');
      return toStep(await respond({ text, commands, tools: toolsOf(tools) }));
    }),
  env: (home) => ({ ...cleanCodexEnv({ home }), CODEX_API_KEY: 'sk-scripted' }),
  async setUp(home, modelUrl) {
    await mkdir(join(home, '.codex'), { recursive: true });
    const lines = [
      'model = "scripted"',
      `openai_base_url = "${modelUrl}/v1"`,
      'analytics.enabled = false',
      // Tests lie in the temporary folder, where it may write by itself.
      'sandbox_workspace_write = { exclude_slash_tmp = true, exclude_tmpdir_env_var = true }',
    ];
    await writeFile(join(home, '.codex', 'config.toml'), `${lines.join('\n')}\n`);
  },
};

function wordsOf({ content, output, arguments: given }: Readonly<Record<string, unknown>>): string {
  const parts = [content, output].flatMap((value) => (Array.isArray(value) ? value : [{ text: value }]));
  return [...parts.map(({ text }) => text), given].filter((text) => typeof text === 'string').join('\n');
}

/** `namespace/name`, where a tool is one of an MCP server. */
function toolsOf(tools: readonly OpenAiTool[]): readonly string[] {
  return tools.flatMap(({ name = '', tools: inner }) =>
    inner === undefined ? [name] : inner.map((tool) => `${name}/${tool.name}`),
  );
}

function toStep(said: Said): OpenAiStep {
  if ('calls' in said) {
    const [name = '', namespace] = said.calls.split('/').reverse();
    const call = { name, arguments: said.arguments, ...(namespace === undefined ? {} : { namespace }) };
    return { calls: [call], usage: usageOfAnswer };
  }
  if ('hang' in said) return said;
  if ('refuses' in said) {
    const headers = {
      ...(said.retryAfterSeconds !== undefined && { 'retry-after': `${said.retryAfterSeconds}` }),
    };
    return { error: { ...refusals[said.refuses], headers } };
  }
  if ('text' in said) return { ...said, usage: usageOfAnswer };
  return { calls: [{ name: 'exec_command', arguments: { cmd: said.command } }], usage: usageOfAnswer };
}

const refusals: Readonly<Record<Refusal, { status: number; body: Record<string, string> }>> = {
  'wrong key': {
    status: 401,
    body: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  },
  'rate limit': {
    status: 429,
    body: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached.' },
  },
  'unknown model': {
    status: 404,
    body: {
      type: 'invalid_request_error',
      code: 'model_not_found',
      message: 'The model `scripted` does not exist or you do not have access to it.',
    },
  },
};

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  environmentOf,
  environmentWithout,
  inheritedEnvironment,
} from '../../../../src/infrastructure/process/launch/environment.ts';
import { makeBench } from '../test-bench.ts';

/** Every variable has its name as value. */
function named(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name]));
}

const providerKeys = [
  ...['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'CLAUDE_API_KEY'],
  ...['CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CODE_CLIENT_KEY_PASSPHRASE', 'OPENAI_API_KEY', 'CODEX_API_KEY'],
  ...['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY', 'HF_TOKEN'],
  ...['GOOGLE_GENERATIVE_AI_API_KEY', 'HUGGINGFACE_API_KEY', 'HUGGINGFACEHUB_API_TOKEN'],
  ...['HUGGING_FACE_HUB_TOKEN', 'AWS_BEARER_TOKEN_BEDROCK', 'XAI_API_KEY', 'GROQ_API_KEY', 'MISTRAL_API_KEY'],
  ...['CODESTRAL_API_KEY', 'DEEPSEEK_API_KEY', 'OPENROUTER_API_KEY', 'CURSOR_API_KEY', 'COHERE_API_KEY'],
  ...['CO_API_KEY', 'TOGETHER_API_KEY', 'FIREWORKS_API_KEY', 'PERPLEXITY_API_KEY', 'REPLICATE_API_TOKEN'],
  ...['CEREBRAS_API_KEY', 'NVIDIA_API_KEY', 'SAMBANOVA_API_KEY', 'DEEPINFRA_TOKEN', 'MOONSHOT_API_KEY'],
  ...['ZAI_API_KEY', 'DASHSCOPE_API_KEY', 'MINIMAX_API_KEY', 'VOYAGE_API_KEY', 'AI21_API_KEY'],
  ...['AI_GATEWAY_API_KEY', 'LITELLM_API_KEY', 'OLLAMA_API_KEY', 'GITHUB_COPILOT_TOKEN'],
];

const marks = [
  ...['CLAUDECODE', 'CLAUDE_CODE_ENTRYPOINT', 'CLAUDE_CODE_SSE_PORT', 'CLAUDE_CODE_SESSION_ID'],
  ...['CLAUDE_CODE_CHILD_SESSION', 'CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS', 'CLAUDE_PID', 'CLAUDE_PROJECT_DIR'],
  ...['CLAUDE_ENV_FILE', 'CLAUDE_PLUGIN_ROOT', 'CODEX_SANDBOX', 'CODEX_SANDBOX_NETWORK_DISABLED'],
  ...['CODEX_THREAD_ID', 'GEMINI_CLI', 'GEMINI_CLI_IDE_SERVER_PORT', 'npm_config_cache', 'INIT_CWD'],
  ...['MAOS_AGENT_ID', 'MAOS_AGENT_TOKEN', 'MAOS_AGENT_ROLE_DESC', 'MAOS_SESSION_ID', 'MAOS_LOG'],
];

const clientTokens = [
  ...['MAOS_TOKEN', 'MAOS_HTTP_TOKEN', 'CLAUDE_CODE_SESSION_ACCESS_TOKEN', 'CLAUDE_BRIDGE_OAUTH_TOKEN'],
  ...['CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR', 'GEMINI_CLI_IDE_AUTH_TOKEN'],
];

const users = [
  ...['PATH', 'HOME', 'MAOS_HOME', 'MAOS_DEPTH', 'NODE_OPTIONS', 'HTTPS_PROXY', 'EDITOR'],
  // They also serve other purposes than models.
  ...['GOOGLE_APPLICATION_CREDENTIALS', 'AWS_PROFILE', 'AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN'],
  ...['CODEX_HOME', 'CODEX_CA_CERTIFICATE', 'GEMINI_CLI_HOME', 'CLAUDE_CONFIG_DIR'],
  ...[
    'CLAUDE_CODE_CLIENT_CERT',
    'CLAUDE_CODE_CLIENT_KEY',
    'CLAUDE_CODE_CERT_STORE',
    'CLAUDE_CODE_USE_FOUNDRY',
  ],
  ...['CLAUDE_CODE_SKIP_FOUNDRY_AUTH', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_DISABLE_BACKGROUND_TASKS'],
  ...['CLAUDE_CODE_EFFORT_LEVEL', 'CLAUDE_CODE_SUBAGENT_MODEL', 'CLAUDE_CODE_SHELL', 'CLAUDE_CODE_TMPDIR'],
  ...['CLAUDE_CODE_ENABLE_TELEMETRY', 'CLAUDE_CODE_MAX_OUTPUT_TOKENS', 'CLAUDE_CODE_SIMPLE'],
];

for (const [what, names] of Object.entries({ "a provider's key": providerKeys, 'a mark': marks })) {
  for (const name of names) {
    test(`an agent does not inherit ${name}, ${what}`, () => {
      assert.deepEqual(inheritedEnvironment(named('PATH', name)), named('PATH'));
    });
  }
}

test("an agent inherits the user's own variables, settings of other clients among them", () => {
  assert.deepEqual(inheritedEnvironment({ ...named(...users), GONE: undefined }), named(...users));
});

test("providers' keys are passed on where the user says so; marks and tokens of clients never are", () => {
  const source = named(...providerKeys, ...marks, ...clientTokens);
  const some = named('HF_TOKEN', 'OPENAI_API_KEY');
  assert.deepEqual(inheritedEnvironment(source, ['HF_TOKEN', 'OPENAI_*', 'MAOS_TOKEN', 'CLAUDECODE']), some);
  assert.deepEqual(inheritedEnvironment(source, ['*']), named(...providerKeys));
});

test('what the user withholds is as good as not set', () => {
  const source = { ...named('PATH', 'CORP_A', 'CORP_B', 'CORPUS'), GONE: undefined };
  assert.deepEqual(environmentWithout(source, ['CORP_*', 'OTHER']), named('PATH', 'CORPUS'));
});

test('a backend takes back what it names, by whole names or beginnings', () => {
  const source = {
    ...named('ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK', 'OPENAI_API_KEY'),
    ANTHROPIC_X: undefined,
  };
  assert.deepEqual(
    environmentOf(source, ['ANTHROPIC_*', 'CLAUDE_CODE_USE_*', 'OPENAI_API']),
    named('ANTHROPIC_API_KEY', 'CLAUDE_CODE_USE_BEDROCK'),
  );
});

test('a program that is started has the keys passed on, and no other', async (t) => {
  const environment = { PATH: process.env.PATH, ...named('HF_TOKEN', 'GROQ_API_KEY', 'MAOS_TOKEN') };
  const bench = await makeBench(t, { environment, passedVariables: ['HF_TOKEN'] });
  const printed = '[ -n "$HF_TOKEN" ] && [ -z "$GROQ_API_KEY$MAOS_TOKEN" ]';
  const end = await (await bench.start('/bin/sh', ['-c', printed])).ended;
  assert.deepEqual([end.how, end.how === 'exited' && end.exitCode], ['exited', 0]);
});

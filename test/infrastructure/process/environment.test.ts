import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentOf, inheritedEnvironment } from '../../../src/infrastructure/process/environment.ts';

test('an agent inherits no trace of the client, no provider key and nothing of another agent', () => {
  const kept = {
    PATH: '/bin',
    HOME: '/home/me',
    MAOS_HOME: '/data/maos',
    CODEX_HOME: '/home/me/.codex',
    CLAUDE_CONFIG_DIR: '/home/me/.claude',
    GOOGLE_APPLICATION_CREDENTIALS: '/home/me/key.json',
    NODE_OPTIONS: '--max-old-space-size=4096',
    HTTPS_PROXY: 'http://proxy:3128',
  };
  const removed = [
    'CLAUDECODE',
    'CLAUDE_CODE_ENTRYPOINT',
    'CLAUDE_CODE_SSE_PORT',
    'CLAUDE_PROJECT_DIR',
    'CODEX_SANDBOX',
    'CODEX_API_KEY',
    'GEMINI_CLI',
    'GEMINI_API_KEY',
    'npm_config_cache',
    'npm_lifecycle_event',
    'INIT_CWD',
    'ANTHROPIC_API_KEY',
    'ANTHROPIC_BASE_URL',
    'OPENAI_API_KEY',
    'GOOGLE_API_KEY',
    'MAOS_AGENT_ID',
    'MAOS_AGENT_ROLE_DESC',
    'MAOS_SESSION_ID',
    'MAOS_LOG',
  ];
  const traces = Object.fromEntries(removed.map((name) => [name, 'x']));
  assert.deepEqual(inheritedEnvironment({ ...kept, ...traces, GONE: undefined }), kept);
});

test('a backend takes back what it names, by whole names or beginnings', () => {
  const source = {
    ANTHROPIC_API_KEY: 'a',
    ANTHROPIC_X: undefined,
    CLAUDE_CODE_USE_BEDROCK: '1',
    OPENAI_API_KEY: 'o',
  };
  assert.deepEqual(environmentOf(source, ['ANTHROPIC_', 'CLAUDE_CODE_USE_*', 'OPENAI_API']), {
    ANTHROPIC_API_KEY: 'a',
    CLAUDE_CODE_USE_BEDROCK: '1',
  });
});

import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeQwenBackend } from '../../../src/infrastructure/backends/qwen/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { QWEN_CODE_VERSION } from '../../helpers/qwen-code.ts';
import { qwenSettingsOf } from './qwen-settings.ts';

const signIn = "Run 'qwen' once and set up a provider, or set OPENAI_API_KEY, .* then try again\\.";
const credit = 'Add credit, or use another provider or account\\.';
const raise = 'Raise the limit \\(maxTurns or extraArgs of backends\\.qwen\\), or give it a smaller task\\.';
const failed = (kind: FailureKind, words: string): ExpectedEnd => ({ kind, words: new RegExp(words) });
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

/** The expected interpretation of every recorded end of Qwen Code. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello there\.$/),
  'tool-use': completed(/^Done\.$/),
  'tool-not-allowed': completed(/^Done\.$/),
  'write-not-allowed': completed(/^Done\.$/),
  'tool-error': completed(/^Done\.$/),
  'yolo-shell': completed(/^Done\.$/),
  subagent: completed(/^Nothing there\.$/),
  'auth-error': failed('auth_required', `^Incorrect API key provided\\. ${signIn}$`),
  forbidden: failed('auth_required', `^Country, region, or territory not supported\\. ${signIn}$`),
  'not-signed-in': failed('auth_required', `^No auth type is selected\\. .* ${signIn}$`),
  'no-key': failed('auth_required', `API key.* ${signIn}$`),
  'rate-limited': failed(
    'rate_limited',
    '^Rate limit reached for requests \\(rate limited; try again later\\)$',
  ),
  'rate-limited-for-long': failed(
    'budget_exceeded',
    `^Run aborted: wall-clock budget of 20s exceeded .* ${raise}$`,
  ),
  'rate-limited-killed': failed('signal', '^Qwen Code was killed by SIGTERM'),
  'no-credit': failed('auth_required', `^You exceeded your current quota, please check .* ${credit}$`),
  'payment-required': failed('auth_required', `^Insufficient Balance\\. ${credit}$`),
  'bad-model': failed('model_unavailable', '^The model `no-such-model` does not exist .* Name a model that'),
  'context-full': failed(
    'context_exceeded',
    "^This model's maximum context length is 131072 tokens\\. .* smaller task",
  ),
  'server-error': failed('exit_code', '^The server had an error\\.$'),
  unreachable: failed('exit_code', '^Connection error\\. \\(cause: fetch failed\\)$'),
  refused: failed('exit_code', '^Model stream ended with empty response text\\.$'),
  'inspection-failed': failed(
    'refused',
    '^Output data may contain inappropriate content\\. Rephrase the task',
  ),
  'empty-answer': failed('exit_code', '^Model stream ended with empty response text\\.$'),
  'max-tokens': completed(/^Half of/),
  'max-turns': failed('budget_exceeded', `^Reached max session turns .* ${raise}$`),
  'max-wall-time': failed('budget_exceeded', `^Run aborted: wall-clock budget of 5s exceeded .* ${raise}$`),
  'max-tool-calls': failed('budget_exceeded', `^Run aborted: tool-call budget of 1 exceeded .* ${raise}$`),
  loop: failed('exit_code', '^Loop detection halted the run '),
  resume: completed(/^Hello there\.$/),
  'resume-after-kill': completed(/^Hello there\.$/),
  'resume-unknown': failed('exit_code', 'without a result \\(status 1\\): No saved session found'),
  'resume-unknown-among-others': failed(
    'exit_code',
    'without a result \\(status 1\\): No saved session found',
  ),
  'session-in-use': failed('exit_code', '^Qwen Code exited without a result \\(status 1\\): .* already'),
  'killed-sigint': failed('signal', '^Qwen Code was killed by SIGINT'),
  'killed-sigterm': failed('signal', '^Qwen Code was killed by SIGTERM'),
  'killed-sigkill': failed('signal', '^Qwen Code was killed by SIGKILL'),
  'killed-sigterm-in-tool': failed('signal', '^Qwen Code was killed by SIGTERM'),
  'bad-flag': failed('exit_code', '^Qwen Code exited without a result \\(status 1\\)'),
  'empty-prompt': failed('exit_code', 'without a result'),
};

backendContract({
  name: 'qwen',
  cli: { title: 'Qwen Code', executable: 'qwen', testedVersion: QWEN_CODE_VERSION },
  make: ({ path, env }) => makeQwenBackend({ config: qwenSettingsOf({ path }), env }),
  recordings: readRecordings(new URL('../../fixtures/qwen/', import.meta.url)),
  ends,
  success: 'success',
  shutsOutServers: ({ args }) => args.includes('--allowed-mcp-server-names'),
});

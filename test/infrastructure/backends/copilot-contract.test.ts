import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeCopilotBackend } from '../../../src/infrastructure/backends/copilot/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { COPILOT_VERSION } from '../../helpers/copilot.ts';
import { copilotSettingsOf } from './copilot-settings.ts';

const signIn = "Run 'copilot' once and enter /login, or set COPILOT_GITHUB_TOKEN, then try again\\.$";
const later = '\\(rate limited; try again later\\)$';
const failed = (kind: FailureKind, words: string): ExpectedEnd => ({ kind, words: new RegExp(words) });
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

/** The expected interpretation of every recorded end of Copilot. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello there\.$/),
  'tool-use': completed(/^Done\.$/),
  'tool-error': completed(/^Done\.$/),
  'tool-not-allowed': completed(/^Done\.$/),
  'shell-not-allowed': completed(/^Done\.$/),
  subagent: completed(/^Looked\.$/),
  background: completed(/^Done\.$/),
  resume: completed(/^Hello there\.$/),
  'resume-after-kill': completed(/^Hello there\.$/),
  'max-tokens': completed(/^Half of$/),
  'auth-error': failed(
    'auth_required',
    `^Authentication failed with provider at .* \\(HTTP 401\\).* ${signIn}`,
  ),
  forbidden: failed('auth_required', `^Authentication failed with provider at .* \\(HTTP 403\\).* ${signIn}`),
  'not-signed-in': failed('auth_required', `^No authentication information found\\. ${signIn}`),
  'payment-required': failed('auth_required', `^402 Insufficient Balance\\. ${signIn}`),
  'rate-limited': failed('rate_limited', `retried 5 times .* Last error: 429 Rate limit reached .* ${later}`),
  'rate-limited-for-long': failed('rate_limited', `^429 Rate limit reached for requests ${later}`),
  'bad-model': failed('model_unavailable', "^Model 'scripted-model' not found on provider .* Name a model"),
  'context-full': failed('context_exceeded', '^400 This model.s maximum context length .* smaller task'),
  'prompt-too-long': failed('context_exceeded', "^Request exceeds the model's prompt budget .* smaller task"),
  'server-error': failed('exit_code', 'retried 5 times .* 500 The server had an error'),
  refused: failed('refused', '^The model returned no content .* Rephrase the task'),
  'empty-answer': failed('exit_code', '^No response was returned\\.'),
  'killed-sigint': failed('signal', '^Copilot was interrupted before it finished\\.$'),
  'killed-sigterm': failed('signal', '^Copilot was interrupted before it finished\\.$'),
  'killed-sigterm-in-retries': failed('rate_limited', `^The provider answered 429 ${later}`),
  'killed-sigterm-in-tool': failed('signal', '^Copilot was interrupted before it finished\\.$'),
  'killed-sigkill': failed('signal', '^Copilot CLI was killed by SIGKILL'),
  'bad-flag': failed('exit_code', "without a result \\(status 1\\): .*try '--help'"),
  'empty-prompt': failed('exit_code', 'without a result \\(status 1\\): No prompt provided\\.'),
};

backendContract({
  name: 'copilot',
  cli: { title: 'Copilot CLI', executable: 'copilot', testedVersion: COPILOT_VERSION },
  make: ({ path, env }) => makeCopilotBackend({ config: copilotSettingsOf({ path }), env }),
  recordings: readRecordings(new URL('../../fixtures/copilot/', import.meta.url)),
  ends,
  success: 'success',
  shutsOutServers: ({ args }) => args.includes('--disable-builtin-mcps'),
});

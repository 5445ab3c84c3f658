import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeGeminiBackend } from '../../../src/infrastructure/backends/gemini/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { GEMINI_CLI_VERSION } from '../../helpers/gemini-cli.ts';
import { geminiSettingsOf } from './gemini-settings.ts';

const signIn = "Run 'gemini' once and sign in, or set GEMINI_API_KEY, then try again\\.";
const later = '\\(rate limited; try again later\\)';
const failed = (kind: FailureKind, words: string, retryAt?: string): ExpectedEnd => ({
  kind,
  words: new RegExp(words),
  ...(retryAt === undefined ? {} : { retryAt }),
});
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

/** The expected interpretation of every recorded end of Gemini CLI. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello there\.$/),
  'tool-use': completed(/^Done\.$/),
  'tool-not-allowed': completed(/^Done\.$/),
  'policy-denied': completed(/^Done\.$/),
  'tool-error': completed(/^Done\.$/),
  'yolo-shell': completed(/^Done\.$/),
  subagent: completed(/^It found nothing\.$/),
  'auth-error': failed('auth_required', `^Request had invalid authentication credentials\\. ${signIn}$`),
  'invalid-key': failed('auth_required', `^API key not valid\\. Please pass a valid API key\\. ${signIn}$`),
  forbidden: failed('auth_required', `^Generative Language API has not been used .* ${signIn}$`),
  'not-signed-in': failed('auth_required', `^Please set an Auth method in your .* ${signIn}$`),
  'no-key': failed(
    'auth_required',
    `^When using Gemini API, you must specify the GEMINI_API_KEY .* ${signIn}$`,
  ),
  'no-account': failed('auth_required', `^Manual authorization is required .* ${signIn}$`),
  'rate-limited': failed('rate_limited', `^Resource has been exhausted ${later}$`),
  'rate-limited-retry-info': failed(
    'rate_limited',
    '^You exceeded your current quota. Suggested retry after 2s \\(rate limited until 2026-11-27T12:04:37',
    '2026-11-27T12:04:37.283Z',
  ),
  'rate-limited-for-long': failed(
    'rate_limited',
    '^You exceeded your current quota. Suggested retry after 3600s \\(rate limited until 2026-11-27T13:04:41',
    '2026-11-27T13:04:41.875Z',
  ),
  'quota-per-day': failed('rate_limited', `^You have exhausted your daily quota on this model ${later}$`),
  'bad-model': failed(
    'model_unavailable',
    '^models/no-such-model is not found for API version v1beta\\. Name a',
  ),
  'context-full': failed('context_exceeded', '^The input token count \\(1200000\\) exceeds .* smaller task'),
  'server-error': failed('exit_code', '^An internal error has occurred\\.$'),
  overloaded: failed('rate_limited', `^The model is overloaded ${later}$`),
  unreachable: failed('exit_code', '^exception TypeError: fetch failed sending request$'),
  refused: failed('refused', '^The model response was blocked due to safety settings\\. Rephrase'),
  blocked: failed('exit_code', '^Model stream ended without a finish reason\\.$'),
  'empty-answer': failed('exit_code', '^The model returned an empty response'),
  'max-tokens': completed(/^Half of$/),
  'max-turns': failed(
    'budget_exceeded',
    '^Reached max session turns .* Raise the limit \\(model\\.maxSessionTurns of',
  ),
  loop: failed('exit_code', '^Loop detected, stopping execution$'),
  'missing-attachment': completed(/^Hello there\.$/),
  resume: completed(/^Hello there\.$/),
  'resume-after-kill': completed(/^Hello there\.$/),
  'resume-unknown': failed(
    'exit_code',
    'without a result \\(status 42\\): Error resuming session: No previous sessions found',
  ),
  'resume-unknown-among-others': failed('exit_code', 'without a result \\(status 42\\)'),
  'session-in-use': failed(
    'exit_code',
    '^Gemini CLI exited without a result \\(status 42\\): Error starting session: Session ID .* already exists',
  ),
  'killed-sigint': failed('signal', '^Gemini CLI was interrupted before it finished\\.$'),
  'killed-sigterm': failed('signal', '^Gemini CLI was interrupted before it finished\\.$'),
  'killed-sigkill': failed('signal', '^Gemini CLI was killed by SIGKILL'),
  'killed-sigterm-in-tool': failed('signal', '^Gemini CLI was interrupted before it finished\\.$'),
  'bad-flag': failed('exit_code', '^Gemini CLI exited without a result \\(status 1\\)'),
  'untrusted-folder': failed(
    'exit_code',
    '^Gemini CLI exited without a result \\(status 55\\): Gemini CLI is not running in a trusted',
  ),
  'empty-prompt': failed('exit_code', 'without a result \\(status 42\\): No input provided via stdin'),
};

backendContract({
  name: 'gemini',
  cli: { title: 'Gemini CLI', executable: 'gemini', testedVersion: GEMINI_CLI_VERSION },
  make: ({ path, env }) => makeGeminiBackend({ config: geminiSettingsOf({ path }), env }),
  recordings: readRecordings(new URL('../../fixtures/gemini/', import.meta.url)),
  ends,
  success: 'success',
  shutsOutServers: ({ args }) => args.includes('--allowed-mcp-server-names'),
});

import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { CLAUDE_CODE_VERSION } from '../../helpers/claude-code.ts';
import { settingsOf } from './claude-settings.ts';

const signIn = "Run 'claude' once and enter /login, or set ANTHROPIC_API_KEY, then try again\\.";
const later = '\\(rate limited; try again later\\)';
const raise =
  'Raise the limit \\(the budget of the agent, or maxBudgetUsd of backends\\.claude\\), or give it a smaller task\\.';
const unfinished = '^Claude Code was stopped while its background work was still running';
const failed = (kind: FailureKind, words: string, retryAt?: string): ExpectedEnd => ({
  kind,
  words: new RegExp(words),
  ...(retryAt === undefined ? {} : { retryAt }),
});
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

/** The expected interpretation of every recorded end of Claude Code. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello\.$/),
  'tool-use': completed(/^hello\.txt has 6 bytes/),
  'resume-after-kill': completed(/^Hello\.$/),
  background: completed(/^The tests have passed\.$/),
  'background-killed-sigterm': failed('signal', unfinished),
  'background-killed-sigint': failed('signal', unfinished),
  'live-message-in-turn': completed(/^I have read your message\.$/),
  'live-message-after-result': completed(/^Done again\.$/),
  'live-permission-given': completed(/^So be it\.$/),
  'live-permission-refused': completed(/^So be it\.$/),
  'prompt-refused': failed(
    'exit_code',
    '^Claude Code ended without working on the task: not on Fridays\\. Check the hooks',
  ),
  'permission-denied': completed(/^I was not allowed to run git\.$/),
  'auth-error': failed('auth_required', `^Invalid API key · Fix external API key\\. ${signIn}$`),
  'token-revoked': failed('auth_required', `401 OAuth token has been revoked\\. ${signIn}$`),
  'not-signed-in': failed('auth_required', `^Not logged in · Please run /login\\. ${signIn}$`),
  'no-credit': failed(
    'auth_required',
    '^Credit balance is too low\\. Add credit, or sign in with another account\\.$',
  ),
  'usage-limit-subscription': failed(
    'rate_limited',
    "^You've hit your 5-hour limit · resets .* \\(rate limited until 2099-01-01T00:00:00\\.000Z\\)$",
    '2099-01-01T00:00:00.000Z',
  ),
  'usage-limit-api-key': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  'rate-limited': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  'rate-limited-for-long': failed('rate_limited', `^API Error: Request rejected \\(429\\) · .* ${later}$`),
  overloaded: failed('rate_limited', `^API Error: Repeated 529 Overloaded errors\\..* ${later}$`),
  'server-error': failed('exit_code', '^API Error: 500 Internal server error\\.'),
  unreachable: failed('exit_code', '^API Error: Connection refused'),
  'model-silent': failed('exit_code', '^Request timed out\\.'),
  'bad-model': failed(
    'model_unavailable',
    "^There's an issue with the selected model \\(claude-nonexistent-9\\)\\. .* Name a model that this account can use",
  ),
  'max-turns': failed('budget_exceeded', `^Reached maximum number of turns \\(1\\)\\. ${raise}$`),
  'max-budget': failed('budget_exceeded', `^Reached maximum budget \\(\\$0\\.01\\)\\. ${raise}$`),
  'resume-unknown': failed('exit_code', '^No conversation found with session ID: 11111111-'),
  'killed-sigint': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigint-in-tool': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigint-before-answer': failed('signal', '^Claude Code was interrupted before it finished\\.$'),
  'killed-sigterm': failed('signal', '^Claude Code was killed by SIGTERM\\.$'),
  'killed-sigkill': failed('signal', '^Claude Code was killed by SIGKILL \\(by hand, or by the system'),
  'session-in-use': failed(
    'exit_code',
    '^Claude Code exited without a result \\(status 1\\): Error: Session ID .* is already in use\\.$',
  ),
  'bad-flag': failed('exit_code', "without a result \\(status 1\\): error: unknown option '--no-such-flag'$"),
  'root-bypass': failed(
    'exit_code',
    'without a result .*: --dangerously-skip-permissions cannot be used with root',
  ),
  'empty-prompt': failed('exit_code', 'without a result .*: Error: Input must be provided'),
};

backendContract({
  name: 'claude',
  cli: { title: 'Claude Code', executable: 'claude', testedVersion: CLAUDE_CODE_VERSION },
  make: ({ path, env }) => makeClaudeBackend({ config: settingsOf({ path }), env }),
  recordings: readRecordings(new URL('../../fixtures/claude-code/', import.meta.url)),
  ends,
  success: 'success',
  shutsOutServers: ({ args }) => args.includes('--strict-mcp-config'),
});

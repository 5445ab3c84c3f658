import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeCodexBackend } from '../../../src/infrastructure/backends/codex/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { CODEX_VERSION } from '../../helpers/codex.ts';
import { codexSettingsOf } from './codex-settings.ts';

// Codex prints times in the machine's time zone, and the recordings were made in UTC.
process.env.TZ = 'UTC';

const signIn = "Run 'codex login', or set CODEX_API_KEY, then try again\\.$";
const later = '\\(rate limited; try again later\\)$';
const smaller = 'Give the agent a smaller task, or split it over several agents\\.$';
const otherModel = 'Name a model that this account can use, or none to get the default\\.$';
const rephrase = 'Rephrase the task, or use another model\\.$';
const failed = (kind: FailureKind, words: string, retryAt?: string): ExpectedEnd => ({
  kind,
  words: new RegExp(words),
  ...(retryAt === undefined ? {} : { retryAt }),
});
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });

/** The expected interpretation of every recorded end of Codex. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello\.$/),
  'tool-use': completed(/^hello\.txt has 6 bytes/),
  'file-change': completed(/^Written\.$/),
  'mcp-call': completed(/^There is none\.$/),
  subagent: completed(/^It has counted\.$/),
  'subagent-of-later-models': completed(/agent thread limit reached$/),
  resumed: completed(/^Hello\.$/),
  'resumed-after-kill': completed(/^Hello\.$/),
  'no-answer': failed('exit_code', '^Codex ended its turn and gave no result\\.'),
  'auth-error': failed(
    'auth_required',
    `^unexpected status 401 Unauthorized: Incorrect API key .* ${signIn}`,
  ),
  'not-signed-in': failed('auth_required', `401 Unauthorized: Missing bearer .* ${signIn}`),
  forbidden: failed('auth_required', `^unexpected status 403 Forbidden: Country, region, .* ${signIn}`),
  'no-credit': failed(
    'auth_required',
    '^Quota exceeded\\. .* Add credit, or sign in with another account\\.$',
  ),
  'rate-limited': failed(
    'rate_limited',
    `^exceeded retry limit, last status: 429 Too Many Requests ${later}`,
  ),
  'rate-limited-retry-after': failed('rate_limited', `last status: 429 Too Many Requests ${later}`),
  'rate-limited-in-stream': failed('rate_limited', `^rate limit exceeded: .* tokens per min .* ${later}`),
  'rate-limited-for-long': failed('rate_limited', `last status: 429 Too Many Requests ${later}`),
  'usage-limit': failed(
    'rate_limited',
    '^You’ve hit your usage limit\\. .* \\(rate limited until 2099-01-01T00:01:00\\.000Z\\)$',
    '2099-01-01T00:01:00.000Z',
  ),
  'usage-limit-without-time': failed('rate_limited', `^You’ve hit your usage limit\\. .* ${later}`),
  overloaded: failed('rate_limited', `^Selected model is at capacity\\. .* ${later}`),
  'server-error': failed('exit_code', '^We’re currently experiencing high demand'),
  unreachable: failed('exit_code', '^Connection failed: error sending request'),
  'bad-model': failed('model_unavailable', `^The model .gpt-nonexistent. does not exist .* ${otherModel}`),
  'bad-model-subscription': failed(
    'model_unavailable',
    `^The 'gpt-nonexistent' model is not supported when using Codex with a ChatGPT account\\. ${otherModel}`,
  ),
  'context-full': failed(
    'context_exceeded',
    `^Codex ran out of room in the model's context window\\. .*${smaller}`,
  ),
  'prompt-too-long': failed('context_exceeded', `Input exceeds the maximum length of 1048576 .*${smaller}`),
  refused: failed('refused', `^Invalid prompt: your prompt was flagged .* ${rephrase}`),
  'refused-cyber': failed('refused', `^This content was flagged .* ${rephrase}`),
  filtered: failed('refused', `reason: content_filter\\. ${rephrase}`),
  'killed-sigterm': failed('signal', '^Codex was killed by SIGTERM\\.$'),
  'killed-sigterm-in-tool': failed('signal', '^Codex was killed by SIGTERM\\.$'),
  'killed-sigkill': failed('signal', '^Codex was killed by SIGKILL \\(by hand, or by the system'),
  'killed-sigint': failed('exit_code', '^Codex exited without a result \\(status 1\\)'),
  'bad-flag': failed(
    'exit_code',
    "without a result \\(status 2\\): error: unexpected argument '--no-such-flag' found",
  ),
  'bad-config': failed('exit_code', 'without a result .*: Error loading config.toml: invalid transport'),
  'empty-prompt': failed('exit_code', 'without a result .*: No prompt provided via stdin\\.'),
};

const { 'resume-unknown': _, ...recordings } = readRecordings(
  new URL('../../fixtures/codex/', import.meta.url),
);

backendContract({
  name: 'codex',
  cli: { title: 'Codex', executable: 'codex', testedVersion: CODEX_VERSION },
  make: ({ path, env }) => makeCodexBackend({ config: codexSettingsOf({ path }), env }),
  recordings,
  ends,
  success: 'success',
  shutsOutServers: ({ args }) => args.includes('mcp_servers={}'),
});

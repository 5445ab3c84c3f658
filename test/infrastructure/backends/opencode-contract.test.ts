import type { FailureKind } from '../../../src/domain/agent.ts';
import { makeOpencodeBackend } from '../../../src/infrastructure/backends/opencode/backend.ts';
import { backendContract, type ExpectedEnd, readRecordings } from '../../helpers/backend-contract.ts';
import { OPENCODE_VERSION } from '../../helpers/opencode.ts';
import { opencodeSettingsOf } from './opencode-settings.ts';

const signIn = "Run 'opencode auth login', or set the key of a provider, then try again\\.$";
const later = '\\(rate limited; try again later\\)$';
const otherModel = 'Name a model that this account can use, or none to get the default\\.$';
const failed = (kind: FailureKind, words: string): ExpectedEnd => ({ kind, words: new RegExp(words) });
const completed = (words: RegExp): ExpectedEnd => ({ kind: null, words });
const killed = (signal: string) => failed('signal', `^opencode was killed by ${signal}`);

/** The expected interpretation of every recorded end of opencode. */
const ends: Readonly<Record<string, ExpectedEnd>> = {
  success: completed(/^Hello there\.$/),
  'tool-use': completed(/^Done\.$/),
  'tool-error': completed(/^Done\.$/),
  'tool-not-allowed': completed(/^Done\.$/),
  auto: completed(/^Done\.$/),
  subagent: completed(/^Looked\.$/),
  resume: completed(/^Hello there\.$/),
  'resume-after-kill': completed(/^Hello there\.$/),
  'empty-answer': completed(/^$/),
  'stopped-at-denial': failed(
    'exit_code',
    '^opencode stopped because a permission was denied \\(read: /etc/hostname\\)\\.$',
  ),
  'auth-error': failed('auth_required', `^Incorrect API key provided\\. ${signIn}`),
  forbidden: failed('auth_required', `^Country, region, or territory not supported\\. ${signIn}`),
  'not-signed-in': killed('SIGTERM'),
  'payment-required': failed('auth_required', `^Insufficient Balance\\. ${signIn}`),
  'rate-limited': failed('rate_limited', `^Rate limit reached for requests ${later}`),
  'rate-limited-for-long': failed('rate_limited', `^Rate limit reached for requests ${later}`),
  'bad-model': failed('model_unavailable', `^The model .scripted-model. does not exist .* ${otherModel}`),
  'unknown-model': failed(
    'model_unavailable',
    `^Model not found: scripted/no-such-model\\. Did you mean: .* ${otherModel}`,
  ),
  'unknown-provider': failed('model_unavailable', `^Model not found: nobody/no-such-model\\. ${otherModel}`),
  'context-full': failed('context_exceeded', "^This model's maximum context length .* smaller task"),
  'bad-request': failed('exit_code', '^Invalid value for temperature\\.$'),
  refused: failed('refused', "^The response was blocked by the provider's content filter\\. Rephrase"),
  'max-tokens': failed('exit_code', '^The answer was cut off at the most tokens'),
  'resume-unknown': failed('exit_code', 'without a result \\(status 1\\): .*Session not found$'),
  'killed-sigint': killed('SIGINT'),
  'killed-sigterm': killed('SIGTERM'),
  'killed-sigkill': killed('SIGKILL'),
  'killed-sigterm-in-tool': killed('SIGTERM'),
  'bad-config': failed('exit_code', 'without a result \\(status 1\\): '),
  'bad-flag': failed('exit_code', 'without a result \\(status 1\\): '),
  'empty-prompt': failed('exit_code', 'without a result .*: .*You must provide a message or a command$'),
};

backendContract({
  name: 'opencode',
  cli: { title: 'opencode', executable: 'opencode', testedVersion: OPENCODE_VERSION },
  make: ({ path, env }) => makeOpencodeBackend({ config: opencodeSettingsOf({ path }), env }),
  recordings: readRecordings(new URL('../../fixtures/opencode/', import.meta.url)),
  ends,
  success: 'success',
  told: ({ args, env, files = {} }) => [...args, ...Object.values(env), ...Object.values(files)].join('\n'),
  shutsOutServers: ({ env }) => 'mcp' in JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? ''),
});

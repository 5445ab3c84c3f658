import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { makeOpencodeBackend } from '../../../src/infrastructure/backends/opencode/backend.ts';
import { OpencodeOutputParser } from '../../../src/infrastructure/backends/opencode/output.ts';
import type { OpencodeSettings } from '../../../src/infrastructure/backends/opencode/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { readRecordings } from '../../helpers/backend-contract.ts';
import { contextOf } from './launch-context.ts';
import { opencodeSettingsOf } from './opencode-settings.ts';

const recordings = readRecordings(new URL('../../fixtures/opencode/', import.meta.url));

function home(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-opencode-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function prepared(
  folder: string,
  given: { config?: Partial<OpencodeSettings>; env?: Record<string, string>; resume?: string } = {},
) {
  const backend = makeOpencodeBackend({
    config: opencodeSettingsOf(given.config),
    env: { HOME: folder, ...given.env },
  });
  const context = contextOf(agentRequest(), {
    findProgram: async () => '/opt/opencode',
    resume: given.resume ?? null,
  });
  const { locations } = context;
  const workingDirectory = join(folder, 'project', 'inner');
  const spec = await backend.prepare({ ...context, locations: { ...locations, workingDirectory } });
  const settings = JSON.parse(spec.env.OPENCODE_CONFIG_CONTENT ?? '{}');
  return { spec, settings, session: locations.session, workingDirectory };
}

function read(name: string) {
  const parser = new OpencodeOutputParser();
  const activities = [...parser.push(recordings[name]?.stdout ?? Buffer.alloc(0)), ...parser.end()];
  return { activities, run: parser.parsed() };
}

suite('how opencode is started', () => {
  test('a new conversation: in the folder of the agent, with a title, the prompt on stdin', async (t) => {
    const { spec, settings, session, workingDirectory } = await prepared(home(t));
    assert.equal(spec.stdin, 'prompt');
    assert.deepEqual(spec.args, [
      ...['run', '--format', 'json', '--print-logs', '--log-level', 'ERROR'],
      ...['--title', `MAOS: ${contextOf(agentRequest()).agent.name}`, '--dir', workingDirectory],
    ]);
    assert.deepEqual(spec.files, { MAOS_AGENT_INSTRUCTIONS: "You are the team's tester." });
    assert.deepEqual(settings, {
      instructions: ['{env:MAOS_AGENT_INSTRUCTIONS}'],
      mcp: {},
      permission: { external_directory: { [`${session}/**`]: 'allow' } },
      experimental: { continue_loop_on_deny: true },
    });
  });

  test('a resumed one, with settings of the user', async (t) => {
    const config = { model: 'openai/gpt-5.6', permissionMode: 'auto', extraArgs: ['--pure'] } as const;
    const { spec } = await prepared(home(t), { config, resume: 'ses_1' });
    const options = ['--session', 'ses_1', '--model', 'openai/gpt-5.6', '--auto', '--pure'];
    assert.deepEqual(spec.args.slice(-6), options);
  });

  test("every server of the user's and the project's settings is switched off", async (t) => {
    const folder = home(t, {
      '.config/opencode/opencode.jsonc': '{ // mine\n "mcp": {"mine": {"type": "local"},}, }',
      '.opencode/opencode.json': '{"mcp": {"old": {}}}',
      'project/opencode.json': '{"mcp": {"team": {}, "mine": {}}}',
      'project/inner/.opencode/opencode.jsonc': '{"mcp": {"inner": {}}}',
      'elsewhere/settings.json': '{"mcp": {"named": {}}}',
      'project/inner/opencode.json': 'not JSON',
    });
    const env = {
      OPENCODE_CONFIG: join(folder, 'elsewhere', 'settings.json'),
      OPENCODE_CONFIG_CONTENT: '{"mcp": {"given": {"type": "local"}}}',
    };
    const { settings } = await prepared(folder, { env });
    const off = { enabled: false };
    const expected = { mine: off, old: off, team: off, inner: off, named: off, given: off };
    assert.deepEqual(settings.mcp, expected);
  });

  test('what the user gives by the same variable stays', async (t) => {
    const own = {
      instructions: ['CONVENTIONS.md'],
      provider: { own: { npm: 'x' } },
      permission: { bash: 'ask', external_directory: { '/data/**': 'allow' } },
      experimental: { mcp_timeout: 5 },
    };
    const env = { OPENCODE_CONFIG_CONTENT: JSON.stringify(own) };
    const { settings, session } = await prepared(home(t), { env });
    assert.deepEqual(settings, {
      instructions: ['CONVENTIONS.md', '{env:MAOS_AGENT_INSTRUCTIONS}'],
      provider: own.provider,
      mcp: {},
      permission: {
        bash: 'ask',
        external_directory: { '/data/**': 'allow', [`${session}/**`]: 'allow' },
      },
      experimental: { mcp_timeout: 5, continue_loop_on_deny: true },
    });
  });

  test('a word of the user about all folders outside of the project still holds', async (t) => {
    const settings = (word: unknown) => JSON.stringify({ permission: { external_directory: word } });
    const outside = async (folder: string, env = {}) =>
      Object.entries((await prepared(folder, { env })).settings.permission.external_directory);
    const file = '.config/opencode/opencode.json';
    const { session } = await prepared(home(t));
    const shared = [`${session}/**`, 'allow'];
    assert.deepEqual(await outside(home(t, { [file]: settings('deny') })), [['*', 'deny'], shared]);
    const closer = { [file]: settings('allow'), 'project/opencode.json': settings({ '/data/**': 'deny' }) };
    assert.deepEqual(await outside(home(t, closer)), [['/data/**', 'deny'], shared]);
    const env = { OPENCODE_CONFIG_CONTENT: settings('deny') };
    assert.deepEqual(await outside(home(t), env), [['*', 'deny'], shared]);
    const all = { OPENCODE_CONFIG_CONTENT: '{"permission": "ask"}' };
    assert.equal((await prepared(home(t), { env: all })).settings.permission['*'], 'ask');
  });

  test('it gets the keys of every provider', async (t) => {
    const env = { GROQ_API_KEY: 'g', ANTHROPIC_API_KEY: 'a', OPENCODE_AUTH_CONTENT: '{}', OTHER: 'o' };
    const { spec } = await prepared(home(t), { env });
    const { OPENCODE_CONFIG_CONTENT: _, OTHER, ...keys } = spec.env;
    assert.deepEqual(keys, { GROQ_API_KEY: 'g', ANTHROPIC_API_KEY: 'a', OPENCODE_AUTH_CONTENT: '{}' });
    assert.equal(OTHER, undefined);
  });

  test('whether it is signed in', async (t) => {
    const signedIn = async (folder: string, env = {}) => {
      const backend = makeOpencodeBackend({
        config: opencodeSettingsOf({ path: '/bin/echo' }),
        env: { HOME: folder, ...env },
      });
      return (await backend.probe()).signedIn;
    };
    assert.equal(await signedIn(home(t)), 'unknown');
    assert.equal(await signedIn(home(t), { XAI_API_KEY: 'x' }), 'yes');
    assert.equal(await signedIn(home(t, { '.local/share/opencode/auth.json': '{}' })), 'yes');
  });
});

suite('what opencode tells', () => {
  test('its conversation, tokens, cost and turns', () => {
    const { run } = read('success');
    assert.match(run.conversation ?? '', /^ses_\w+$/);
    assert.equal(run.turns, 1);
    assert.deepEqual(run.usage, {
      inputTokens: 100,
      outputTokens: 30,
      cacheReadTokens: 400,
      cacheWriteTokens: 0,
      turns: 1,
      costUsd: 0.0029,
      isOfRun: true,
    });
    assert.equal(read('tool-use').run.turns, 2);
  });

  test('tools and what came of them, refusals, and sub-agents', () => {
    const { activities } = read('tool-use');
    const shown = activities.map((activity) => [activity.type, 'tool' in activity ? activity.tool : '']);
    assert.deepEqual(shown.filter(([type]) => type === 'tool_use').sort(), [
      ['tool_use', 'bash'],
      ['tool_use', 'write'],
    ]);
    const results = activities.filter(({ type }) => type === 'tool_result');
    assert.deepEqual(
      results.map((activity) => 'ok' in activity && activity.ok),
      [true, true],
    );
    const refused = { count: 1, shown: ['read: /etc/hostname'] };
    assert.deepEqual(read('tool-not-allowed').run.denials, refused);
    assert.equal(read('tool-error').run.denials, null);
    assert.equal(read('subagent').run.subagents, 1);
  });

  test('when its provider answers again', () => {
    const parser = new OpencodeOutputParser();
    const error = {
      name: 'APIError',
      data: { message: 'Too many.', statusCode: 429, responseHeaders: { 'retry-after': '90' } },
    };
    const line = { type: 'error', timestamp: Date.parse('2026-01-01T00:00:00Z'), sessionID: 'ses_1', error };
    parser.push(Buffer.from(`${JSON.stringify(line)}\n`));
    assert.equal(parser.parsed().verdict?.retryAt, '2026-01-01T00:01:30.000Z');
  });

  test('that its conversation is gone', () => {
    const backend = makeOpencodeBackend({ config: opencodeSettingsOf(), env: {} });
    const { stderr = '' } = recordings['resume-unknown'] ?? {};
    assert.equal(backend.goneConversation?.(stderr), 'Session not found');
    assert.equal(backend.goneConversation?.('Error: something else'), null);
  });
});

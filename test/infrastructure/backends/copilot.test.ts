import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { RunIdentity } from '../../../src/application/ports/backend.ts';
import { makeCopilotBackend } from '../../../src/infrastructure/backends/copilot/backend.ts';
import { conversationOf } from '../../../src/infrastructure/backends/copilot/conversation.ts';
import { CopilotOutputParser } from '../../../src/infrastructure/backends/copilot/output.ts';
import type { CopilotSettings } from '../../../src/infrastructure/backends/copilot/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { readRecordings } from '../../helpers/backend-contract.ts';
import { copilotSettingsOf } from './copilot-settings.ts';
import { contextOf } from './launch-context.ts';

const recordings = readRecordings(new URL('../../fixtures/copilot/', import.meta.url));
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function home(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-copilot-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, '.copilot'));
  return folder;
}

async function prepared(
  folder: string,
  given: { config?: Partial<CopilotSettings>; env?: Record<string, string>; resume?: string } = {},
) {
  const backend = makeCopilotBackend({
    config: copilotSettingsOf(given.config),
    env: { HOME: folder, ...given.env },
  });
  const context = contextOf(agentRequest(), {
    findProgram: async () => '/opt/copilot',
    resume: given.resume ?? null,
  });
  return { agent: context.agent, session: context.locations.session, spec: await backend.prepare(context) };
}

function read(name: string, run?: RunIdentity) {
  const parser = new CopilotOutputParser(run);
  const activities = [...parser.push(recordings[name]?.stdout ?? Buffer.alloc(0)), ...parser.end()];
  return { activities, run: parser.parsed() };
}

suite('how Copilot is started', () => {
  test('a new conversation: with an id of its run, allowed to write, the prompt on stdin', async (t) => {
    const { agent, session, spec } = await prepared(home(t));
    assert.equal(spec.stdin, 'prompt');
    const id = conversationOf(agent);
    assert.match(id, uuid);
    assert.deepEqual(spec.args, [
      ...['--output-format', 'json', '--no-color', '--log-level', 'none'],
      ...['--no-auto-update', '--no-ask-user', '--no-remote', '--no-remote-export'],
      ...['--session-id', id, '--allow-tool', 'write', '--add-dir', session, '--disable-builtin-mcps'],
    ]);
  });

  test('a resumed one, with settings of the user', async (t) => {
    const { spec } = await prepared(home(t), {
      config: {
        model: 'gpt-5.6',
        permissionMode: 'allTools',
        allowedTools: ['shell(npm test)'],
        maxAiCredits: 50,
        extraArgs: ['--plain-diff'],
      },
      resume: '11111111-2222-4333-8444-555555555555',
    });
    const told = spec.args.join(' ');
    assert.match(
      told,
      /--session-id 11111111-2222-4333-8444-555555555555 --model gpt-5\.6 --allow-all-tools /,
    );
    assert.match(told, /--allow-tool shell\(npm test\) .* --max-ai-credits 50 .* --plain-diff$/);
  });

  test('what each mode allows', async (t) => {
    for (const [permissionMode, option] of [
      ['default', null],
      ['write', '--allow-tool'],
      ['allTools', '--allow-all-tools'],
      ['all', '--allow-all'],
    ] as const) {
      const { spec } = await prepared(home(t), { config: { permissionMode } });
      const given = spec.args.find((argument) => argument.startsWith('--allow')) ?? null;
      assert.equal(given, option);
    }
  });

  test("every server of the user's settings is switched off", async (t) => {
    const folder = home(t);
    const servers = { mcpServers: { mine: { command: 'x' }, '-odd name': {} } };
    writeFileSync(join(folder, '.copilot', 'mcp-config.json'), JSON.stringify(servers));
    const { spec } = await prepared(folder);
    assert.deepEqual(spec.args.slice(-2), ['--disable-mcp-server=mine', '--disable-mcp-server=-odd name']);
    const elsewhere = await prepared(home(t), { env: { COPILOT_HOME: join(folder, '.copilot') } });
    assert.ok(elsewhere.spec.args.includes('--disable-mcp-server=mine'));
  });

  test('it gets its own keys, and those of its own provider', async (t) => {
    const env = { COPILOT_PROVIDER_API_KEY: 'p', COPILOT_GITHUB_TOKEN: 'g', OPENAI_API_KEY: 'o' };
    const { spec } = await prepared(home(t), { env });
    assert.deepEqual(spec.env, { COPILOT_PROVIDER_API_KEY: 'p', COPILOT_GITHUB_TOKEN: 'g' });
  });

  test('whether it is signed in', async (t) => {
    const folder = home(t);
    const signedIn = async (env: Record<string, string>) =>
      (await makeCopilotBackend({ config: copilotSettingsOf({ path: '/bin/echo' }), env }).probe()).signedIn;
    assert.equal(await signedIn({ HOME: folder }), 'unknown');
    assert.equal(await signedIn({ HOME: join(folder, 'project') }), 'no');
    assert.equal(await signedIn({ HOME: folder, GH_TOKEN: 'x' }), 'yes');
  });
});

suite('what Copilot tells', () => {
  const run = { ...contextOf(agentRequest()).agent, attempt: 1, resumed: null };

  test('the conversation that MAOS gave it, from the moment it has begun', () => {
    assert.equal(read('killed-sigkill', run).run.conversation, conversationOf(run));
    assert.equal(read('not-signed-in', run).run.conversation, null);
    assert.equal(read('success', run).run.conversation, '11111111-2222-4333-8444-555555555555');
    const resumed = { ...run, resumed: 'earlier' };
    assert.equal(read('killed-sigkill', resumed).run.conversation, 'earlier');
  });

  test('an id for each attempt of each agent', () => {
    const ids = [run, { ...run, attempt: 2 }, { ...run, id: 'agent_tester_2_abcdef' as typeof run.id }];
    const given = ids.map(conversationOf);
    assert.equal(new Set(given).size, 3);
    for (const id of given) assert.match(id, uuid);
    assert.deepEqual(ids.map(conversationOf), given);
  });

  test('tools and what came of them, refusals, and sub-agents', () => {
    const { activities, run: told } = read('tool-use');
    const shown = activities.map((activity) => [activity.type, 'tool' in activity ? activity.tool : '']);
    assert.deepEqual(shown.slice(0, 3), [
      ['text', ''],
      ['tool_use', 'bash'],
      ['tool_use', 'glob'],
    ]);
    assert.equal(told.turns, 2);
    assert.equal(told.usage, null);
    const view = { count: 1, shown: ['view: /etc/hostname'] };
    assert.deepEqual(read('tool-not-allowed').run.denials, view);
    const shell = { count: 1, shown: ['bash: node -e 1'] };
    assert.deepEqual(read('shell-not-allowed').run.denials, shell);
    assert.equal(read('subagent').run.subagents, 1);
  });

  test('that its provider refuses, while it tries again', () => {
    const notices = read('rate-limited').activities.filter(({ type }) => type === 'notice');
    assert.deepEqual(notices[0], { type: 'notice', text: 'The provider answered 429 (attempt 1)' });
    assert.ok(notices.length > 5);
  });

  test('stopped while it waits for its provider it calls that a success, which it is not', () => {
    const stdout = recordings['killed-sigterm-in-retries']?.stdout ?? Buffer.alloc(0);
    const parser = new CopilotOutputParser(run);
    parser.push(stdout);
    parser.push(Buffer.from('{"type":"result","sessionId":"x","exitCode":0}\n'));
    assert.equal(parser.parsed().verdict?.ok, false);
    assert.equal(parser.parsed().verdict?.kind, 'rate_limited');
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { TeamServer } from '../../../src/application/ports/backend.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import { noUsage } from '../../../src/domain/usage.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import type { ClaudeSettings } from '../../../src/infrastructure/backends/claude/settings.ts';
import {
  environmentOf,
  inheritedEnvironment,
} from '../../../src/infrastructure/process/launch/environment.ts';
import { agentRequest } from '../../domain/samples.ts';
import { CLAUDE_CODE_VERSION } from '../../helpers/claude-code.ts';
import { settingsOf } from './claude-settings.ts';
import { contextOf, lookupIn } from './launch-context.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'maos-claude-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with an executable `claude` that runs `script`. */
async function withClaude(t: TestContext, script = 'echo "9.8.7 (Claude Code)"'): Promise<string> {
  const folder = await scratch(t);
  await writeFile(join(folder, 'claude'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

type Environment = Record<string, string>;

/** The result of `prepare`, with a `claude` on the PATH. */
async function prepared(
  t: TestContext,
  given: {
    config?: Partial<ClaudeSettings>;
    env?: Environment;
    resume?: string;
    model?: string;
    teamServer?: TeamServer;
  } = {},
) {
  const folder = await withClaude(t);
  const config = settingsOf(given.config);
  const backend = makeClaudeBackend({ config, env: { ...given.env, PATH: folder } });
  const request = agentRequest({ model: given.model ?? null });
  const { resume = null, teamServer = null } = given;
  const context = contextOf(request, { findProgram: lookupIn(folder), resume, teamServer });
  return { folder, context, spec: await backend.prepare(context) };
}

test('a model that would be an option is refused, also from a plan stored long ago', async (t) => {
  const folder = await withClaude(t);
  const backend = makeClaudeBackend({ config: settingsOf(), env: { PATH: folder } });
  const context = contextOf(agentRequest());
  const prepare = backend.prepare({ ...context, agent: { ...context.agent, model: '--mcp-config=/x' } });
  await assert.rejects(
    prepare,
    (error) => isMaosError(error, 'INVALID_INPUT') && /--mcp-config/.test(error.message),
  );
});

/** The values that follow each of the options. */
function after(args: readonly string[], ...options: string[]): (string | undefined)[] {
  return options.map((option) => (args.includes(option) ? args[args.indexOf(option) + 1] : undefined));
}

suite('how Claude Code is started', () => {
  test('a new conversation, with the role in the system prompt, and a stream on stdin', async (t) => {
    const { folder, context, spec } = await prepared(t);
    assert.equal(spec.program, join(folder, 'claude'));
    assert.equal(spec.stdin, 'stream');
    const [conversation = '', ...rest] = spec.args.slice(10);
    assert.deepEqual(spec.args.slice(0, 10), [
      ...['-p', '--output-format', 'stream-json', '--verbose'],
      ...['--input-format', 'stream-json', '--replay-user-messages', '--permission-prompt-tool', 'stdio'],
      '--session-id',
    ]);
    assert.match(conversation, uuid);
    assert.deepEqual(rest, [
      '--append-system-prompt',
      context.briefing,
      '--permission-mode',
      'acceptEdits',
      '--add-dir',
      context.locations.session,
      '--strict-mcp-config',
    ]);
  });

  test('a hook asks about claims before each edit, and fails no edit where this MAOS is gone', async (t) => {
    const { folder, spec: without } = await prepared(t);
    assert.deepEqual(after(without.args, '--settings'), [undefined]);
    const stand = join(folder, "it's me");
    await writeFile(stand, '#!/bin/sh\necho "$MAOS_HOME/$*"; echo trouble >&2; exit 2\n', { mode: 0o755 });
    const teamServer = { command: stand, args: ['a b', 'agent'], env: { MAOS_HOME: '/a home' }, passes: [] };
    const { spec } = await prepared(t, { teamServer });
    const [settings = ''] = after(spec.args, '--settings');
    const [{ matcher, hooks }] = JSON.parse(settings).hooks.PreToolUse;
    assert.equal(matcher, 'Edit|MultiEdit|Write|NotebookEdit');
    const ask = () => spawnSync('/bin/sh', ['-c', hooks[0].command], { encoding: 'utf8' });
    const { status, stdout, stderr } = ask();
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 0, stdout: '/a home/a b agent --before-edit\n', stderr: '' },
    );
    await rm(stand);
    assert.deepEqual([ask().status, ask().stdout, ask().stderr], [0, '', '']);
  });

  test('every start begins a conversation of its own: an id can be used once', async (t) => {
    const [first, second] = await Promise.all([prepared(t), prepared(t)]);
    assert.notDeepEqual(after(first.spec.args, '--session-id'), after(second.spec.args, '--session-id'));
  });

  test('goes on with a conversation', async (t) => {
    const resume = '11111111-2222-4333-8444-555555555555';
    const { spec } = await prepared(t, { resume });
    assert.deepEqual(after(spec.args, '--resume', '--session-id'), [resume, undefined]);
  });

  test("the agent's model goes before the configured one", async (t) => {
    const config = { model: 'sonnet' };
    assert.deepEqual(after((await prepared(t, { config })).spec.args, '--model'), ['sonnet']);
    assert.deepEqual(after((await prepared(t, { config, model: 'opus' })).spec.args, '--model'), ['opus']);
  });

  test('settings become arguments, the free ones last', async (t) => {
    const { spec } = await prepared(t, {
      config: {
        permissionMode: 'plan',
        allowedTools: ['Bash(npm test)', 'WebFetch'],
        maxBudgetUsd: 2.5,
        extraArgs: ['--fallback-model', 'haiku'],
      },
    });
    const values = after(spec.args, '--permission-mode', '--allowedTools', '--max-budget-usd');
    assert.deepEqual(values, ['plan', 'Bash(npm test),WebFetch', '2.5']);
    assert.deepEqual(spec.args.slice(-2), ['--fallback-model', 'haiku']);
  });

  test('of its environment it is given what belongs to its provider, and no mark of the client around MAOS', async (t) => {
    const provider = {
      ANTHROPIC_API_KEY: 'sk-ant-1',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
      CLAUDE_CODE_OAUTH_TOKEN: 'token',
      CLAUDE_CODE_USE_BEDROCK: '1',
      AWS_BEARER_TOKEN_BEDROCK: 'bearer',
    };
    const marks = {
      CLAUDECODE: '1',
      CLAUDE_CODE_ENTRYPOINT: 'cli',
      CLAUDE_CODE_SESSION_ID: 'outer',
      CLAUDE_CODE_SSE_PORT: '1234',
      CLAUDE_PROJECT_DIR: '/outer',
    };
    const others = { OPENAI_API_KEY: 'sk-1', GEMINI_API_KEY: 'g', CODEX_SANDBOX: '1', XAI_API_KEY: 'x' };
    const ours = {
      ...{ CLAUDE_CODE_MAX_RETRIES: '5', CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS: '0' },
      CLAUDE_CODE_EXIT_AFTER_STOP_DELAY: '300000',
    };
    const mine = {
      ...{ EDITOR: 'vi', CLAUDE_CONFIG_DIR: '/settings', CODEX_HOME: '/codex' },
      ...{ CLAUDE_CODE_CLIENT_CERT: '/cert.pem', CLAUDE_CODE_CLIENT_KEY_PASSPHRASE: 'phrase' },
      ...{ CLAUDE_CODE_USE_FOUNDRY: '1', CLAUDE_CODE_CERT_STORE: 'system' },
      ...{ CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1', CLAUDE_CODE_SUBAGENT_MODEL: 'haiku' },
    };
    const env = { ...provider, ...marks, ...others, ...mine };
    const { folder, spec } = await prepared(t, { env });
    // Combined in the same way as by the host.
    const whole = { ...inheritedEnvironment({ ...env, PATH: folder }), ...spec.env };
    assert.deepEqual(whole, { ...provider, ...mine, PATH: folder, ...ours });
  });

  test('retries are bounded, unless the user has set a bound', async (t) => {
    assert.equal((await prepared(t)).spec.env.CLAUDE_CODE_MAX_RETRIES, '5');
    const env = { CLAUDE_CODE_MAX_RETRIES: '0' };
    assert.equal((await prepared(t, { env })).spec.env.CLAUDE_CODE_MAX_RETRIES, '0');
  });

  test('keys of Claude Code reach no other agent', () => {
    const env = { ANTHROPIC_API_KEY: 'sk-ant-1', CLAUDE_CODE_OAUTH_TOKEN: 'token', HOME: '/home/user' };
    assert.deepEqual(inheritedEnvironment(env), { HOME: '/home/user' });
    assert.deepEqual(environmentOf(env, ['OPENAI_*']), {});
  });
});

suite('where Claude Code is', () => {
  const located = (config: Partial<ClaudeSettings>, PATH: string): Promise<string> =>
    makeClaudeBackend({ config: settingsOf(config), env: { PATH } }).locate(lookupIn(PATH));

  test('on the PATH, or where the settings say', async (t) => {
    const [onPath, elsewhere] = [await withClaude(t), await withClaude(t)];
    assert.equal(await located({}, `/nonexistent:${onPath}`), join(onPath, 'claude'));
    assert.equal(await located({ path: join(elsewhere, 'claude') }, onPath), join(elsewhere, 'claude'));
  });

  test('missing: says where it was looked for and how to get it', async (t) => {
    const folder = await scratch(t);
    const advice =
      'Install it (npm install -g @anthropic-ai/claude-code), set MAOS_CLAUDE_PATH, or use another backend.';
    const file = join(folder, 'claude');
    const refusal = async (config: Partial<ClaudeSettings>, message: string): Promise<void> => {
      await assert.rejects(located(config, folder), (error) => {
        assert.ok(isMaosError(error, 'BACKEND_UNAVAILABLE'), String(error));
        assert.equal(error.message, `${message} ${advice}`);
        assert.deepEqual(error.details, { backend: 'claude', path: config.path ?? null });
        return true;
      });
    };
    await refusal({}, 'Claude Code is not on PATH.');
    await refusal({ path: file }, `Claude Code is not at "${file}" (backends.claude.path).`);
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o644);
    await refusal({}, 'Claude Code cannot be executed on PATH.');
    await refusal({ path: file }, `Claude Code cannot be executed at "${file}" (backends.claude.path).`);
  });

  test('an agent cannot be prepared without it', async () => {
    const backend = makeClaudeBackend({ config: settingsOf(), env: {} });
    const prepare = backend.prepare(contextOf(agentRequest(), { findProgram: lookupIn('/nonexistent') }));
    await assert.rejects(prepare, (error) => isMaosError(error, 'BACKEND_UNAVAILABLE'));
  });
});

suite('what doctor is told of Claude Code', () => {
  test('path, version, and a sign-in by key or by file', async (t) => {
    const folder = await withClaude(t);
    const home = await scratch(t);
    const probe = (env: Environment) =>
      makeClaudeBackend({
        config: settingsOf(),
        env: { PATH: `${folder}:/bin`, HOME: home, ...env },
      }).probe();
    const known = {
      ...{ name: 'claude', title: 'Claude Code', packageName: '@anthropic-ai/claude-code' },
      testedVersion: CLAUDE_CODE_VERSION,
    };
    const remark = `MAOS was tested with version ${CLAUDE_CODE_VERSION}`;
    const found = { ...known, available: true, path: join(folder, 'claude'), version: '9.8.7', remark };
    assert.deepEqual(await probe({ ANTHROPIC_API_KEY: 'sk-ant-1' }), {
      ...found,
      signedIn: 'yes',
      problem: null,
    });

    const out = await probe({});
    // Only on macOS can the credentials be in a place that MAOS does not read.
    if (process.platform === 'darwin') assert.equal(out.signedIn, 'unknown');
    else {
      assert.equal(out.signedIn, 'no');
      assert.match(out.problem ?? '', /^Not signed in\. Run 'claude' once/);
    }

    await mkdir(join(home, '.claude'));
    await writeFile(join(home, '.claude', '.credentials.json'), '{}');
    assert.deepEqual(await probe({}), { ...found, signedIn: 'yes', problem: null });
    assert.equal((await probe({ CLAUDE_CONFIG_DIR: join(home, 'other') })).signedIn, out.signedIn);
  });

  test('nothing is remarked of the version that the tests run', async (t) => {
    const folder = await withClaude(t, `echo "${CLAUDE_CODE_VERSION} (Claude Code)"`);
    const { version, remark } = await makeClaudeBackend({
      config: settingsOf(),
      env: { PATH: folder },
    }).probe();
    assert.deepEqual([version, remark], [CLAUDE_CODE_VERSION, null]);
  });

  test('one that cannot be found or does not run is not available', async (t) => {
    const missing = await makeClaudeBackend({ config: settingsOf(), env: { PATH: '/nonexistent' } }).probe();
    assert.deepEqual([missing.available, missing.missing], [false, true]);
    assert.match(missing.problem ?? '', /^Claude Code is not on PATH\./);
    const folder = await withClaude(t, 'echo "no such processor" >&2; exit 3');
    const broken = await makeClaudeBackend({ config: settingsOf(), env: { PATH: folder } }).probe();
    assert.deepEqual([broken.available, broken.missing], [false, undefined]);
    assert.match(broken.problem ?? '', /no such processor/);
  });

  test('asking for its version gives it no mark of the client around MAOS', async (t) => {
    const folder = await withClaude(t, 'test -z "$CLAUDECODE" && echo 1.0.0');
    const env = { PATH: folder, CLAUDECODE: 'marked' };
    assert.equal((await makeClaudeBackend({ config: settingsOf(), env }).probe()).version, '1.0.0');
  });
});

suite("Claude Code's own limits", () => {
  const launch = async (
    t: TestContext,
    {
      maxSubagents = null,
      ...more
    }: { readonly maxSubagents?: number | null; readonly [key: string]: unknown },
    config: Partial<ClaudeSettings> = {},
  ) => {
    const folder = await withClaude(t);
    const backend = makeClaudeBackend({ config: settingsOf(config), env: { PATH: folder } });
    const context = contextOf(agentRequest(), { findProgram: lookupIn(folder) });
    const { args } = await backend.prepare({
      ...{ ...context, maxSubagents },
      agent: { ...context.agent, ...more },
    });
    return {
      limits: after(args, '--max-turns', '--max-budget-usd'),
      denied: after(args, '--disallowedTools')[0],
    };
  };
  const budget = { maxTokens: null, maxWallMs: null, maxTurns: 10, maxCostUsd: 3 };

  test("are what is left of the agent's", async (t) => {
    const none = await launch(t, {});
    assert.deepEqual(none, { limits: [undefined, undefined], denied: undefined });
    const some = await launch(t, { budget, maxSubagents: 5 });
    assert.deepEqual(some, { limits: ['10', '3'], denied: undefined });
    assert.equal((await launch(t, { maxSubagents: 0 })).denied, 'Agent,Task');
    assert.equal((await launch(t, { workspace: 'worktree' })).denied, 'EnterWorktree');
    const usageBefore = { ...noUsage, turns: 4, costUsd: 1.5 };
    assert.deepEqual((await launch(t, { budget, usageBefore })).limits, ['6', '1.5']);
    const spent = { ...noUsage, turns: 40, costUsd: 15 };
    assert.deepEqual((await launch(t, { budget, usageBefore: spent })).limits, ['1', '0.01']);
  });

  test('the smaller one of the dollars counts', async (t) => {
    assert.deepEqual((await launch(t, { budget }, { maxBudgetUsd: 2 })).limits, ['10', '2']);
    assert.deepEqual((await launch(t, { budget }, { maxBudgetUsd: 20 })).limits, ['10', '3']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeQwenBackend } from '../../../src/infrastructure/backends/qwen/backend.ts';
import { QwenOutputParser } from '../../../src/infrastructure/backends/qwen/output.ts';
import type { QwenSettings } from '../../../src/infrastructure/backends/qwen/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { readRecordings } from '../../helpers/backend-contract.ts';
import { contextOf } from './launch-context.ts';
import { qwenSettingsOf } from './qwen-settings.ts';

const recordings = readRecordings(new URL('../../fixtures/qwen/', import.meta.url));

function read(name: string) {
  const parser = new QwenOutputParser();
  const { stdout } = recordings[name] ?? assert.fail(`no recording ${name}`);
  return { activities: [...parser.push(stdout), ...parser.end()], run: parser.parsed() };
}

async function prepare(
  given: Partial<QwenSettings>,
  inherits: Readonly<Record<string, string>> = {},
  maxSubagents: number | null = null,
  agent: Parameters<typeof agentRequest>[0] = {},
) {
  const backend = makeQwenBackend({ config: qwenSettingsOf(given), env: {} });
  const findProgram = async () => '/bin/qwen';
  return backend.prepare(contextOf(agentRequest(agent), { findProgram, inherits, maxSubagents }));
}

describe('what Qwen Code prints', () => {
  it('counts what was read from the cache apart', () => {
    const { run } = read('success');
    const tokens = { inputTokens: 200, outputTokens: 60, cacheReadTokens: 800, cacheWriteTokens: 0 };
    assert.deepEqual(run.usage, { ...tokens, turns: 1, costUsd: null });
  });

  it("tells the provider's errors in words of its own, which are no turn of the model", () => {
    assert.equal(read('auth-error').run.turns, 1, 'of its result line');
    assert.deepEqual(read('auth-error').run.usage?.outputTokens, 0);
  });

  it('says that a prompt is too long for its model before it asks that', () => {
    const message =
      'Context is too large to send safely after automatic compression. Estimated prompt tokens: 252758;';
    const line = { type: 'result', subtype: 'error_during_execution', is_error: true, error: { message } };
    const parser = new QwenOutputParser();
    parser.push(Buffer.from(`${JSON.stringify(line)}\n`));
    assert.equal(parser.parsed().verdict?.kind, 'context_exceeded');
  });

  it('says on stderr that there is no such conversation', () => {
    const { goneConversation } = makeQwenBackend({ config: qwenSettingsOf(), env: {} });
    for (const name of ['resume-unknown', 'resume-unknown-among-others']) {
      assert.match(
        goneConversation?.(recordings[name]?.stderr ?? '') ?? '',
        /^No saved session found with ID [12-]+/,
      );
    }
    assert.equal(goneConversation?.(recordings['session-in-use']?.stderr ?? ''), null);
  });

  it('tells of sub-agents, and of what was refused', () => {
    assert.equal(read('subagent').run.subagents, 1);
    assert.deepEqual(read('tool-not-allowed').run.denials, {
      count: 1,
      shown: ['run_shell_command: touch denied'],
    });
  });
});

describe('the launch of Qwen Code', () => {
  it('brings bounds below the settings of the user, unless the machine has its own', async () => {
    const { files = {}, env, args } = await prepare({ maxTurns: 7 });
    assert.deepEqual(JSON.parse(files.QWEN_CODE_SYSTEM_DEFAULTS_PATH ?? ''), {
      model: { generationConfig: { maxRetries: 0 } },
      memory: { enableManagedAutoMemory: false },
    });
    assert.equal(env.QWEN_CODE_NO_RELAUNCH, 'true');
    assert.equal(args[args.indexOf('--max-session-turns') + 1], '7');
    assert.equal(args[args.indexOf('--max-subagent-depth') + 1], '1');
    const own = await prepare({}, { QWEN_CODE_SYSTEM_DEFAULTS_PATH: '/etc/mine.json' });
    assert.deepEqual(own.files, {});
  });

  it('takes the tool away that leaves a worktree', async () => {
    const { args } = await prepare({}, {}, 0, { workspace: 'worktree' });
    assert.match(args.join(' '), /--exclude-tools agent,enter_worktree /);
  });

  it('takes sub-agents away where there are to be none; how many there are is for MAOS to count', async () => {
    assert.match((await prepare({}, {}, 0)).args.join(' '), /--exclude-tools agent/);
    for (const limit of [1, null]) {
      assert.doesNotMatch((await prepare({}, {}, limit)).args.join(' '), /--exclude-tools/);
    }
  });

  it('passes the keys of what can be its provider, and the arguments of the user', async () => {
    const given = {
      OPENAI_API_KEY: 'k',
      OPENAI_BASE_URL: 'u',
      DASHSCOPE_API_KEY: 'd',
      MISTRAL_API_KEY: 'no',
    };
    const { env, args } = await prepare({ extraArgs: ['--sandbox'] }, given);
    assert.deepEqual([env.OPENAI_API_KEY, env.OPENAI_BASE_URL, env.DASHSCOPE_API_KEY], ['k', 'u', 'd']);
    assert.equal(env.MISTRAL_API_KEY, undefined);
    assert.equal(args.at(-1), '--sandbox');
  });
});

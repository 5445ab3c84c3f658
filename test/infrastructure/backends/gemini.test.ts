import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { makeGeminiBackend } from '../../../src/infrastructure/backends/gemini/backend.ts';
import { GeminiOutputParser } from '../../../src/infrastructure/backends/gemini/output.ts';
import type { GeminiSettings } from '../../../src/infrastructure/backends/gemini/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { readRecordings } from '../../helpers/backend-contract.ts';
import { geminiSettingsOf } from './gemini-settings.ts';
import { contextOf } from './launch-context.ts';

const recordings = readRecordings(new URL('../../fixtures/gemini/', import.meta.url));

function read(...lines: readonly (object | Uint8Array | undefined)[]) {
  const parser = new GeminiOutputParser();
  const activities = lines.flatMap((line) =>
    parser.push(line instanceof Uint8Array ? line : Buffer.from(`${JSON.stringify(line)}\n`)),
  );
  return { activities: [...activities, ...parser.end()], run: parser.parsed() };
}
const say = (content: string) => ({ type: 'message', role: 'assistant', content, delta: true });

async function prepare(given: Partial<GeminiSettings>, inherits: Readonly<Record<string, string>> = {}) {
  const backend = makeGeminiBackend({ config: geminiSettingsOf(given), env: {} });
  const findProgram = async () => '/bin/gemini';
  return backend.prepare(contextOf(agentRequest(), { findProgram, inherits }));
}

describe('what Gemini CLI prints', () => {
  it('holds the answer in pieces, since the last use of a tool', () => {
    const use = { type: 'tool_use', tool_name: 'read_file', tool_id: 'a', parameters: { file_path: 'x' } };
    const result = { type: 'tool_result', tool_id: 'a', status: 'success', output: 'text' };
    const end = { type: 'result', status: 'success', stats: {} };
    const { run, activities } = read(say('I look'), use, result, say('One\nTwo '), say('and more.'), end);
    assert.equal(run.result, 'One\nTwo and more.');
    assert.equal(run.turns, 2);
    assert.deepEqual(activities, [
      { type: 'text', text: 'I look' },
      { type: 'tool_use', tool: 'read_file', detail: 'x' },
      { type: 'tool_result', ok: true, text: 'text' },
      { type: 'text', text: 'One' },
      { type: 'text', text: 'Two and more.' },
      { type: 'result', ok: true, text: 'One\nTwo and more.' },
    ]);
  });

  it('counts what was read from the cache apart, and thinking as output', () => {
    const stats = { total_tokens: 160, input_tokens: 100, output_tokens: 20, cached: 70, input: 30 };
    const { run } = read(say('Hi'), { type: 'result', status: 'success', stats });
    const tokens = { inputTokens: 30, outputTokens: 60, cacheReadTokens: 70, cacheWriteTokens: 0 };
    assert.deepEqual(run.usage, { ...tokens, turns: 1, costUsd: null, isOfRun: true });
  });

  it('tells of sub-agents, and of tools that a policy refused', () => {
    const { run } = read(recordings.subagent?.stdout);
    assert.equal(run.subagents, 1);
    assert.equal(run.usage?.inputTokens, 300);
    const refused = read(recordings['policy-denied']?.stdout).run.denials;
    assert.deepEqual(refused, { count: 1, shown: ['run_shell_command: echo hello && touch denied'] });
  });

  it('says on stderr that there is no such conversation', () => {
    const { goneConversation } = makeGeminiBackend({ config: geminiSettingsOf(), env: {} });
    for (const name of ['resume-unknown', 'resume-unknown-among-others']) {
      assert.match(goneConversation?.(recordings[name]?.stderr ?? '') ?? '', /^Error resuming session: /);
    }
    assert.equal(goneConversation?.(recordings['session-in-use']?.stderr ?? ''), null);
  });

  it('names the conversation, but nothing that would be an option', () => {
    assert.equal(read(recordings.success?.stdout).run.conversation, '11111111-2222-4333-8444-555555555555');
    assert.equal(read({ type: 'init', session_id: '--yolo' }).run.conversation, null);
  });
});

describe('the launch of Gemini CLI', () => {
  it("passes Google's keys and the arguments of the user", async () => {
    const given = { GEMINI_API_KEY: 'k', GOOGLE_GENAI_USE_VERTEXAI: 'true', OPENAI_API_KEY: 'no' };
    const { env, args, stdin } = await prepare(
      { extraArgs: ['--sandbox'], approvalMode: 'yolo', allowedTools: ['a(b)', 'c'] },
      given,
    );
    assert.match(args.join(' '), / --allowed-tools a\(b\) --allowed-tools c /);
    assert.deepEqual([env.GEMINI_API_KEY, env.GOOGLE_GENAI_USE_VERTEXAI], ['k', 'true']);
    assert.equal(env.OPENAI_API_KEY, undefined);
    assert.equal(args.at(-1), '--sandbox');
    assert.equal(args[args.indexOf('--approval-mode') + 1], 'yolo');
    assert.equal(stdin, 'prompt');
    assert.equal(env.GEMINI_CLI_NO_RELAUNCH, 'true');
  });
});

describe('whether Gemini CLI is signed in', () => {
  const signedIn = async (t: TestContext, files: Readonly<Record<string, string>>, more = {}) => {
    const home = mkdtempSync(join(tmpdir(), 'maos-gemini-'));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    mkdirSync(join(home, '.gemini'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.gemini', name), text);
    writeFileSync(join(home, 'gemini'), '#!/bin/sh\necho 0.61.0\n', { mode: 0o755 });
    const env = { HOME: home, PATH: `${home}:/bin`, ...more };
    return (await makeGeminiBackend({ config: geminiSettingsOf(), env }).probe()).signedIn;
  };

  it('is told by keys and files', async (t) => {
    assert.equal(await signedIn(t, {}), 'no');
    assert.equal(await signedIn(t, { 'oauth_creds.json': '{}' }), 'yes');
    assert.equal(await signedIn(t, { 'settings.json': '{}' }), 'unknown');
    assert.equal(await signedIn(t, {}, { GEMINI_API_KEY: 'k' }), 'yes');
    assert.equal(await signedIn(t, {}, { GOOGLE_GENAI_USE_VERTEXAI: 'true' }), 'unknown');
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { makeCodexBackend } from '../../../src/infrastructure/backends/codex/backend.ts';
import { CodexOutputParser } from '../../../src/infrastructure/backends/codex/output.ts';
import type { CodexSettings } from '../../../src/infrastructure/backends/codex/settings.ts';
import { agentRequest } from '../../domain/samples.ts';
import { readRecordings } from '../../helpers/backend-contract.ts';
import { codexSettingsOf } from './codex-settings.ts';
import { contextOf, lookupIn } from './launch-context.ts';

const recordings = readRecordings(new URL('../../fixtures/codex/', import.meta.url));

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-codex-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The result of `prepare`, with a `codex` on the PATH whose `mcp list` runs `script`. */
async function prepared(
  t: TestContext,
  given: {
    config?: Partial<CodexSettings>;
    env?: Record<string, string>;
    resume?: string;
    script?: string;
    briefing?: string;
    maxSubagents?: number;
  } = {},
) {
  const folder = scratch(t);
  writeFileSync(join(folder, 'codex'), `#!/bin/sh\n${given.script ?? 'echo "[]"'}\n`, { mode: 0o755 });
  const env = { PATH: `${folder}:/usr/bin:/bin`, ...given.env };
  const backend = makeCodexBackend({ config: codexSettingsOf(given.config), env });
  const { locations, ...context } = contextOf(agentRequest(), {
    findProgram: lookupIn(folder),
    resume: given.resume ?? null,
    ...(given.briefing === undefined ? {} : { briefing: given.briefing }),
    maxSubagents: given.maxSubagents ?? null,
  });
  const spec = await backend.prepare({ ...context, locations: { ...locations, workingDirectory: folder } });
  return { folder, locations, spec };
}

suite('how Codex is started', () => {
  test('a new conversation: the sandbox, the shared folders, the prompt on stdin', async (t) => {
    const { folder, locations, spec } = await prepared(t);
    assert.equal(spec.program, join(folder, 'codex'));
    assert.equal(spec.stdin, 'prompt');
    assert.deepEqual(spec.args, [
      ...['exec', '--json', '--skip-git-repo-check', '--sandbox', 'workspace-write'],
      ...['--add-dir', locations.session],
      ...['-c', `developer_instructions="You are the team's tester."`],
      ...['-c', 'mcp_servers={}'],
      ...['-c', 'features.plugins=false', '-c', 'features.apps=false'],
      ...['-c', 'features.unbounded_connection_retries=false'],
      '-',
    ]);
  });

  test('a resumed one, with settings of the user', async (t) => {
    const config = { model: 'gpt-5.6', sandbox: 'read-only', extraArgs: ['--search'] } as const;
    const { spec } = await prepared(t, { config, resume: 'thread-1' });
    assert.deepEqual(spec.args.slice(3, 5), ['--sandbox', 'read-only']);
    assert.deepEqual(spec.args.slice(7, 9), ['--model', 'gpt-5.6']);
    assert.deepEqual(spec.args.slice(-4), ['--search', 'resume', 'thread-1', '-']);
  });

  test('the role is one string of TOML, whatever it holds', async (t) => {
    const { spec } = await prepared(t, { briefing: 'a "b" \\ \n\x7f \ud800 é' });
    assert.ok(spec.args.includes('developer_instructions="a \\"b\\" \\\\ \\n\\u007f \ufffd é"'));
  });

  test('every server that Codex knows in the folder of the agent is switched off', async (t) => {
    const script = 'test "$*" = "mcp list --json" && echo \'[{"name":"one"},{"name":"two.three"}]\'';
    const { spec } = await prepared(t, { script });
    assert.ok(spec.args.includes('mcp_servers={"one" = {enabled = false}, "two.three" = {enabled = false}}'));
  });

  test('a Codex that cannot read its configuration is not started', async (t) => {
    const script = 'echo "WARNING: x" >&2; echo "Error loading config.toml: invalid type" >&2; exit 1';
    await assert.rejects(
      prepared(t, { script }),
      (error) =>
        isMaosError(error, 'BACKEND_UNAVAILABLE') &&
        /: Error loading config\.toml: invalid type\. Repair its configuration/.test(error.message),
    );
  });

  test('with so many sub-agents at once as it may start, or none', async (t) => {
    const bounded = async (maxSubagents: number) => {
      const { spec } = await prepared(t, { maxSubagents });
      return spec.args.filter((argument) => argument.startsWith('agents.'));
    };
    assert.deepEqual(await bounded(0), ['agents.enabled=false']);
    assert.deepEqual(await bounded(3), ['agents.max_concurrent_threads_per_session=3', 'agents.max_depth=1']);
  });

  test('with the keys of OpenAI and Azure, and no other', async (t) => {
    const keys = { CODEX_API_KEY: 'a', OPENAI_API_KEY: 'b', AZURE_OPENAI_API_KEY: 'c' };
    const { spec } = await prepared(t, { env: { ...keys, ANTHROPIC_API_KEY: 'd' } });
    assert.deepEqual(spec.env, keys);
  });
});

suite('whether Codex is signed in', () => {
  const cases: readonly (readonly [string, Record<string, string>, Record<string, string>, string])[] = [
    ['by a key', { CODEX_API_KEY: 'x' }, {}, 'yes'],
    ['by the key of another program', { OPENAI_API_KEY: 'x' }, {}, 'no'],
    ['by its own file', {}, { 'auth.json': '{}' }, 'yes'],
    ['with a provider of its own', {}, { 'config.toml': 'model_provider = "x"\n' }, 'unknown'],
    ['with other settings', {}, { 'config.toml': 'model = "x"\n' }, 'no'],
    ['with nothing', {}, {}, 'no'],
  ];
  for (const [what, env, files, expected] of cases) {
    test(`${what}: ${expected}`, async (t) => {
      const folder = scratch(t);
      writeFileSync(join(folder, 'codex'), '#!/bin/sh\necho codex-cli 0.169.0\n', { mode: 0o755 });
      mkdirSync(join(folder, '.codex'));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, '.codex', name), text);
      const made = { PATH: `${folder}:/bin`, HOME: folder, ...env };
      const { signedIn, problem } = await makeCodexBackend({ config: codexSettingsOf(), env: made }).probe();
      assert.equal(signedIn, expected);
      assert.equal(problem !== null, expected === 'no');
    });
  }
});

/** The parser's result for the lines. */
function read(...lines: readonly object[]) {
  const parser = new CodexOutputParser();
  const activities = lines.flatMap((line) => parser.push(Buffer.from(`${JSON.stringify(line)}\n`)));
  return { run: parser.parsed(), activities };
}

function recorded(name: string) {
  const { stdout } = recordings[name] ?? assert.fail(name);
  const parser = new CodexOutputParser();
  return { activities: parser.push(stdout), run: parser.parsed() };
}

suite('what Codex prints', () => {
  test('usage: what was cached is not counted twice', () => {
    const { usage, conversation, turns } = recorded('success').run;
    assert.deepEqual(usage, {
      inputTokens: 1_000,
      outputTokens: 12,
      cacheReadTokens: 200,
      cacheWriteTokens: 0,
      turns: 1,
      costUsd: null,
    });
    assert.match(conversation ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(turns, 1);
  });

  test('a conversation gone on with tells the tokens of all of it', () => {
    assert.equal(recorded('resumed').run.usage?.inputTokens, 2_000);
  });

  test('tools as people read them', () => {
    const told = ['tool-use', 'file-change', 'mcp-call'].flatMap((name) => recorded(name).activities);
    const uses = told.flatMap((activity) => (activity.type === 'tool_use' ? [activity] : []));
    assert.deepEqual(
      uses.map(({ tool, detail }) => `${tool}: ${detail}`),
      [
        "Command: /bin/bash -lc 'echo hello > hello.txt'",
        "Command: /bin/bash -lc 'wc -c hello.txt; touch /usr/nothing'",
        'File change: add /home/user/project/hello.txt',
        'maos.session-status: {"session_id":"latest"}',
      ],
    );
    const results = told.flatMap((activity) => (activity.type === 'tool_result' ? [activity.ok] : []));
    assert.deepEqual(results, [true, false, true, false]);
  });

  test('sub-agents are counted, those that were refused are not', () => {
    assert.equal(recorded('subagent').run.subagents, 1);
  });

  test('what it was not allowed to do', () => {
    const item = { type: 'command_execution', command: 'git push', status: 'declined' };
    const { denials } = read({ type: 'item.completed', item }).run;
    assert.deepEqual(denials, { count: 1, shown: ['Command: git push'] });
  });

  test('a refusal that it tries again after is one until the model answers', () => {
    const { verdict } = recorded('rate-limited-for-long').run;
    assert.deepEqual(
      [verdict?.kind, verdict?.message],
      ['rate_limited', 'exceeded retry limit, last status: 429 Too Many Requests'],
    );
    const error = { type: 'error', message: 'Reconnecting... 1/5 (exceeded retry limit, last status: 429)' };
    const item = { type: 'agent_message', text: 'Back.' };
    assert.equal(read(error).run.verdict?.kind, 'rate_limited');
    assert.equal(read(error, { type: 'item.completed', item }).run.verdict, null);
    assert.equal(read({ ...error, message: 'Reconnecting... 1/5 (no route)' }).run.verdict, null);
  });

  test('an error is the verdict of a turn whose end was not told', () => {
    const error = { type: 'error', message: 'unexpected status 401 Unauthorized: x' };
    assert.equal(read(error).run.verdict?.kind, 'auth_required');
  });

  test('a time of today and one of another day, by the clock of the machine', () => {
    const retryAt = (time: string) =>
      read({ type: 'error', message: `You’ve hit your usage limit. Try it or try again at ${time}.` }).run
        .verdict?.retryAt;
    const today = new Date();
    today.setHours(15, 6, 0, 0);
    assert.equal(retryAt('3:05 PM'), today.toISOString());
    assert.equal(retryAt('Feb 3rd, 2031 12:00 AM'), new Date(2031, 1, 3, 0, 1).toISOString());
    assert.equal(retryAt('some time'), null);
  });
});

test('a conversation that Codex does not have any more is begun anew', () => {
  const { end, stderr, stdout } = recordings['resume-unknown'] ?? assert.fail('not recorded');
  const backend = makeCodexBackend({ config: codexSettingsOf(), env: {} });
  const parser = backend.makeParser();
  parser.push(stdout);
  const outcome = backend.explain(end, parser.parsed(), stderr);
  assert.equal(outcome.state, 'resumable');
  assert.equal(outcome.afresh, true);
  assert.match(outcome.reason, /has lost its conversation .*no rollout found for thread id 01a21cdf-/);
});

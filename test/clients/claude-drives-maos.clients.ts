import assert from 'node:assert/strict';
import { watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type ContentBlock,
  lastToolResults,
  type ModelRequest,
  type ScriptStep,
} from '../helpers/scripted-model.ts';
import { makeBench } from './bench.ts';
import { register, textOf } from './claude-script.ts';
import { makeMoment, maosProgram, readJsonLines } from './workplace.ts';

/** A line of `claude --output-format stream-json`. */
interface StreamLine {
  readonly type: string;
  readonly subtype?: string;
  readonly is_error?: boolean;
  readonly result?: string;
  readonly tools?: readonly string[];
  readonly mcp_servers?: readonly { readonly name: string; readonly status: string }[];
  readonly message?: { readonly content: readonly ContentBlock[] };
}

const team = {
  objective: 'Check the release.',
  agents: [
    { name: 'lint', role: 'reviewer', task: 'Lint.', backend: 'command', command: 'echo no complaints' },
    { name: 'tests', role: 'tester', task: 'Test.', backend: 'command', command: ['echo', '12 tests pass'] },
    {
      name: 'report',
      role: 'documenter',
      task: 'Report.',
      backend: 'command',
      command: 'cat >prompt.txt; echo ready to release',
      workspace: 'own',
      depends_on: ['lint', 'tests'],
    },
  ],
};
const allowCommands = ['echo no complaints', "echo '* tests pass'", 'cat >prompt.txt; echo ready to release'];
const mcpTools = ['orchestrate', 'wait-session', 'session-status', 'agent-output'].map(
  (name) => `mcp__maos__${name}`,
);

/** The JSON of the newest tool result; one that is an error ends the script. */
function lastAnswer(request: ModelRequest): Record<string, unknown> | null {
  const [result] = lastToolResults(request);
  if (result === undefined) return null;
  assert.notEqual(result.is_error, true, textOf(result));
  return JSON.parse(textOf(result));
}

test('Claude Code runs a team through MAOS, waits for it, and tells of its results', async (t) => {
  let offered: readonly string[] = [];

  function respond(request: ModelRequest): ScriptStep {
    offered = request.tools.map(({ name }) => name).filter((name) => name.startsWith('mcp__maos__'));
    const answer = lastAnswer(request);
    if (answer === null) return { toolUse: { name: 'mcp__maos__orchestrate', input: team } };
    const { session_id, settled, state, agents } = answer;
    if (settled !== true) {
      return { toolUse: { name: 'mcp__maos__wait-session', input: { session_id, timeout_seconds: 60 } } };
    }
    const results = (agents as { name: string; result?: string }[]).map(
      ({ name, result }) => `${name}: ${result}`,
    );
    return { text: `The session is ${state}. ${results.sort().join('; ')}.` };
  }

  const bench = await makeBench(t, { respond, settings: { allowCommands } });
  await register(bench, process.execPath, maosProgram, 'serve');

  await t.test('it is listed as connected', async () => {
    const { status, stdout } = await bench.claude(['mcp', 'list']);
    assert.equal(status, 0);
    assert.match(stdout, /^maos: .*bin\/maos\.js serve - .*Connected$/m);
  });

  const run = await bench.claude(
    ['-p', '--output-format', 'stream-json', '--verbose', '--allowedTools', mcpTools.join(',')],
    'Have a team check the release.',
  );
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  const lines = readJsonLines<StreamLine>(run.stdout);

  await t.test('the server is connected, and its tools keep their names', () => {
    const init = lines.find(({ subtype }) => subtype === 'init');
    assert.deepEqual(
      init?.mcp_servers?.map(({ name, status }) => [name, status]),
      [['maos', 'connected']],
    );
    const named = init?.tools?.filter((name) => name.startsWith('mcp__maos__')) ?? [];
    for (const name of [...mcpTools, 'mcp__maos__control-session', 'mcp__maos__list-roles']) {
      assert.ok(named.includes(name), `${name} is not among ${named.join(', ')}`);
    }
    // The two that every use needs are there from the start, not behind a search.
    for (const name of ['mcp__maos__orchestrate', 'mcp__maos__wait-session'])
      assert.ok(offered.includes(name), name);
  });

  await t.test('every call came back without error, the last one with the completed session', () => {
    const blocks = lines.flatMap(({ message }) => message?.content ?? []);
    const called = blocks.flatMap(({ type, name }) => (type === 'tool_use' ? [name] : []));
    assert.equal(called[0], 'mcp__maos__orchestrate');
    assert.ok(
      called.length >= 2 && called.slice(1).every((name) => name === 'mcp__maos__wait-session'),
      `${called}`,
    );
    const answers = blocks.filter(({ type }) => type === 'tool_result');
    assert.equal(answers.length, called.length);
    for (const answer of answers) assert.notEqual(answer.is_error, true, textOf(answer));
    const last = lines.at(-1);
    assert.deepEqual([last?.type, last?.is_error], ['result', false]);
    assert.equal(
      last?.result,
      'The session is completed. lint: no complaints; report: ready to release; tests: 12 tests pass.',
    );
  });

  await t.test('MAOS has it on record, and nothing is left running', async () => {
    await bench.nothingLeft();
    const { state, agents, folder } = await bench.status();
    assert.equal(state, 'completed');
    assert.deepEqual(
      agents.map(({ name, state, attempt }) => [name, state, attempt]),
      [
        ['lint', 'completed', 1],
        ['tests', 'completed', 1],
        ['report', 'completed', 1],
      ],
    );
    const report = agents.find(({ name }) => name === 'report')?.agent_id ?? '';
    const prompt = await readFile(join(folder, 'agents', report, 'workspace', 'prompt.txt'), 'utf8');
    assert.match(prompt, /^> no complaints$/m);
    assert.match(prompt, /^> 12 tests pass$/m);
  });
});

test('a command that the user has not allowed is refused, with the setting that would allow it', async (t) => {
  const refusals: string[] = [];
  const bench = await makeBench(t, {
    settings: { allowCommands: ['echo no complaints'] },
    respond(request) {
      const [result] = lastToolResults(request);
      if (result === undefined) return { toolUse: { name: 'mcp__maos__orchestrate', input: team } };
      refusals.push(`${result.is_error} ${textOf(result)}`);
      return { text: 'I was not allowed to.' };
    },
  });
  await register(bench, process.execPath, maosProgram, 'serve');
  const run = await bench.claude(
    ['-p', '--allowedTools', mcpTools.join(',')],
    'Have a team check the release.',
  );
  assert.equal(run.status, 0, run.stderr);
  assert.equal(refusals.length, 1);
  assert.match(refusals[0] ?? '', /^true .*FORBIDDEN.*"echo '12 tests pass'".*allowCommands/s);
  const { status } = await bench.maos('status', 'latest', '--json');
  assert.equal(status, 3);
  await bench.nothingLeft();
});

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
  test(`Claude Code ends by ${signal} while its team works: nothing runs on, and the session can be resumed`, async (t) => {
    const begun = makeMoment('the file of the agent');
    const command = 'touch "$MAOS_PROJECT_ROOT/begun"; sleep 1000';
    const bench = await makeBench(t, {
      settings: { allowCommands: [command] },
      respond(request) {
        const answer = lastAnswer(request);
        const agents = [{ role: 'tester', task: 'Test.', backend: 'command', command }];
        if (answer === null)
          return { toolUse: { name: 'mcp__maos__orchestrate', input: { objective: 'Test.', agents } } };
        const { session_id } = answer;
        return { toolUse: { name: 'mcp__maos__wait-session', input: { session_id, timeout_seconds: 280 } } };
      },
    });
    await register(bench, process.execPath, maosProgram, 'serve');
    const watcher = watch(bench.project, (_, name) => {
      if (name === 'begun') begun.arrive();
    });
    t.after(() => watcher.close());
    const claude = bench.startClaude(['-p', '--allowedTools', mcpTools.join(',')], 'Have it tested.');
    await begun.came;
    claude.child.kill(signal);
    await claude.ended;
    await bench.nothingLeft();
    const { state, pause_reason, agents } = await bench.status();
    assert.deepEqual([state, pause_reason], ['paused', 'interrupted']);
    assert.deepEqual(
      agents.map(({ state, attempt }) => [state, attempt]),
      [['resumable', 1]],
    );
  });
}

for (const [how, env, first, version] of [
  ['as it does by itself', {}, 'server/discover', '2026-07-28'],
  ['as it is told to', { MCP_PROTOCOL_NEGOTIATION: 'legacy' }, 'initialize', '2025-11-25'],
] as const) {
  test(`Claude Code speaks MCP ${version}, ${how}`, async (t) => {
    const bench = await makeBench(t, { respond: () => ({ text: 'Nobody asks.' }), env });
    const [sent, answered] = [join(bench.folder, 'sent.jsonl'), join(bench.folder, 'answered.jsonl')];
    const script = join(bench.folder, 'listen.sh');
    await writeFile(
      script,
      `tee -a "${sent}" | "${process.execPath}" "${maosProgram}" serve | tee -a "${answered}"\n`,
    );
    await register(bench, 'sh', script);
    const { stdout } = await bench.claude(['mcp', 'list']);
    assert.match(stdout, /^maos: .*Connected$/m);
    await bench.nothingLeft();

    interface Message {
      readonly id?: number | string;
      readonly method?: string;
      readonly result?: {
        readonly protocolVersion?: string;
        readonly supportedVersions?: readonly string[];
      };
    }
    const requests = readJsonLines<Message>(await readFile(sent, 'utf8')).filter(
      ({ id }) => id !== undefined,
    );
    const answers = readJsonLines<Message>(await readFile(answered, 'utf8'));
    assert.equal(requests[0]?.method, first);
    const answer = answers.find(({ id }) => id === requests[0]?.id)?.result;
    assert.equal(answer?.protocolVersion ?? answer?.supportedVersions?.[0], version);
    const isModern = version >= '2026';
    assert.equal(
      requests.some(({ method }) => method === 'initialize'),
      !isModern,
    );
  });
}

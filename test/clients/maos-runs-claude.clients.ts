import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventData } from '../../src/domain/events.ts';
import { findPredefinedRole } from '../../src/domain/roles/catalog.ts';
import { roleBriefing } from '../../src/domain/roles/role.ts';
import { predefinedRoles } from '../../src/infrastructure/files/roles/predefined-roles.ts';
import { lastToolResults, type ModelRequest, type ScriptStep } from '../helpers/scripted-model.ts';
import { makeBench, promptOf } from './bench.ts';
import { makeMoment, readJsonLines } from './workplace.ts';

const objective = 'Make logins work with passkeys.';
const plan = {
  objective,
  agents: [
    { name: 'spec', role: 'api_architect', task: 'Write down which endpoints there are.' },
    { name: 'survey', role: 'researcher', task: 'Find out how two others do it.' },
    { name: 'build', role: 'backend_engineer', task: 'Build it.', depends_on: ['spec', 'survey'] },
  ],
};
const usage = { inputTokens: 1_000, outputTokens: 50, cacheReadTokens: 200, cacheCreationTokens: 10 };
const results = {
  spec: 'Three endpoints, all in spec.md.\nPOST /passkeys is the first.',
  survey: 'Both of them keep one key per device.',
  build: 'Built as specified: POST /passkeys answers 201.',
};

/** What stands in a prompt after the words `label:` on their line. */
function placeIn(prompt: string, label: string): string {
  const found = prompt.split('\n').find((line) => line.startsWith(`- ${label}`));
  assert.ok(found, `no line '${label}' in the prompt:\n${prompt}`);
  return found.slice(found.indexOf(': ') + 2);
}

function agentOfRequest(request: ModelRequest): keyof typeof results {
  const agent = plan.agents.find(({ task }) => promptOf(request).includes(`# Your task\n\n${task}\n`));
  assert.ok(agent, `whose prompt is this?\n${promptOf(request)}`);
  return agent.name as keyof typeof results;
}

test('a team of three Claude Codes: two side by side, one with what both of them handed over', async (t) => {
  const asked = { spec: makeMoment('the request of spec'), survey: makeMoment('the request of survey') };
  const requests: { agent: string; request: ModelRequest }[] = [];

  async function respond(request: ModelRequest): Promise<ScriptStep> {
    const agent = agentOfRequest(request);
    requests.push({ agent, request });
    if (agent === 'build') return { text: results.build, usage };
    asked[agent].arrive();
    // Neither is answered before both have asked: one after the other they would wait in vain.
    await Promise.all([asked.spec.came, asked.survey.came]);
    if (agent === 'survey') return { text: results.survey, usage };
    const [written] = lastToolResults(request);
    if (written === undefined) {
      const file_path = join(placeIn(promptOf(request), 'Shared context'), 'spec.md');
      return { toolUse: { name: 'Write', input: { file_path, content: '# Endpoints\n' } }, usage };
    }
    assert.notEqual(written.is_error, true, JSON.stringify(written));
    return { text: results.spec, usage };
  }

  const bench = await makeBench(t, { respond });
  await writeFile(join(bench.project, 'plan.json'), JSON.stringify(plan));
  const run = await bench.maos('run', 'plan.json', '--json');
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  await bench.nothingLeft();

  await t.test('the session completed, with results, usage and cost', async () => {
    const status = await bench.status();
    assert.equal(status.state, 'completed');
    assert.equal(status.objective, objective);
    assert.deepEqual(
      status.agents.map((agent) => [agent.name, agent.state, agent.result, agent.attempt]),
      Object.entries(results).map(([name, result]) => [name, 'completed', result, 1]),
    );
    const { cost_usd, ...tokens } = status.usage ?? assert.fail('no usage');
    // Four answers: spec needed two.
    const expected = {
      input_tokens: 4_000,
      output_tokens: 200,
      cache_read_tokens: 800,
      cache_write_tokens: 40,
    };
    assert.deepEqual(tokens, { ...expected, turns: 4 });
    assert.ok(cost_usd !== null && cost_usd > 0, `cost ${cost_usd}`);
    const costs = status.agents.map((agent) => agent.usage?.cost_usd ?? 0);
    assert.ok(Math.abs(costs.reduce((a, b) => a + b) - cost_usd) < 1e-9);
  });

  await t.test('each was told its role, objective, task and places', () => {
    assert.deepEqual(requests.map(({ agent }) => agent).sort(), ['build', 'spec', 'spec', 'survey']);
    for (const { agent, request } of requests) {
      const { role } = plan.agents.find(({ name }) => name === agent) as { role: string };
      const briefing = roleBriefing(findPredefinedRole(role, predefinedRoles()) ?? assert.fail(role));
      assert.ok(request.system.includes(briefing.trim()), `${agent} was not briefed`);
      const prompt = promptOf(request);
      assert.ok(prompt.includes(objective));
      assert.equal(placeIn(prompt, 'Project'), bench.project);
      assert.equal(placeIn(prompt, 'Your current folder'), bench.project);
      assert.ok(placeIn(prompt, 'Shared context').startsWith(bench.maosHome));
      assert.ok(placeIn(prompt, 'Your results').startsWith(bench.maosHome));
    }
  });

  await t.test('the last one was handed the results and the file of the first two', async () => {
    const { folder } = await bench.status();
    const { request } = requests.find(({ agent }) => agent === 'build') ?? assert.fail('build never asked');
    const prompt = promptOf(request);
    const handed = prompt.slice(prompt.indexOf('# What you receive from earlier agents'));
    assert.match(
      handed,
      /## From spec \(api_architect\)\n\n> Three endpoints, all in spec\.md\.\n> POST \/passkeys/,
    );
    assert.match(handed, /## From survey \(researcher\)\n\n> Both of them keep one key per device\./);
    assert.ok(handed.includes(`- ${folder}/shared/context/spec.md (12 bytes)`), handed);
    for (const { agent, request: earlier } of requests) {
      if (agent !== 'build') assert.ok(!promptOf(earlier).includes('you receive from earlier agents'), agent);
    }
  });

  await t.test('the file is recorded, with who could have left it', async () => {
    const { agents, artifacts } = await bench.status();
    const { stdout } = await bench.maos('events', 'latest', '--type', 'artifact', '--json');
    const [event, ...others] = readJsonLines(stdout);
    assert.ok(event);
    assert.deepEqual(others, []);
    const { path, by, candidates, sizeBytes, sha256 } =
      event.data as unknown as EventData['artifact.recorded'];
    assert.deepEqual({ path, sizeBytes }, { path: 'shared/context/spec.md', sizeBytes: 12 });
    assert.match(sha256, /^[0-9a-f]{64}$/);
    const spec = agents.find((agent) => agent.name === 'spec')?.agent_id;
    // Whether survey still ran when the file was found is a matter of milliseconds: then both could have left it.
    if (by === null) assert.deepEqual([...candidates].sort(), ['spec', 'survey']);
    else assert.equal(by, spec);
    assert.deepEqual(
      artifacts.map((artifact) => artifact.path),
      ['shared/context/spec.md'],
    );
  });

  await t.test('the conversation of each is stored, and was asked for by that id', async () => {
    const { agents, folder } = await bench.status();
    const conversations = bench.conversations();
    assert.equal(new Set(conversations.values()).size, 3);
    for (const { agent_id } of agents) {
      const stdout = await readFile(join(folder, 'agents', agent_id, 'stdout.log'), 'utf8');
      const lines = readJsonLines<{ type: string; subtype?: string; session_id?: string }>(stdout).filter(
        ({ type }) => type !== 'command_lifecycle',
      );
      assert.deepEqual([lines[0]?.type, lines[0]?.subtype, lines.at(-1)?.type], ['system', 'init', 'result']);
      assert.equal(conversations.get(agent_id), lines[0]?.session_id);
    }
  });

  await t.test('the logs are readable', async () => {
    const { status, stdout } = await bench.maos('logs', 'latest');
    assert.equal(status, 0);
    assert.match(stdout, /^spec +\| > Write: \/.*\/shared\/context\/spec\.md$/m);
    assert.match(stdout, /^spec +\| POST \/passkeys is the first\.$/m);
    assert.match(stdout, /^survey \| Both of them keep one key per device\.$/m);
    assert.match(stdout, /^build +\| Built as specified/m);
    assert.ok(!stdout.includes('{"type"'), 'raw JSON lines among the logs');
  });

  await t.test('maos run told all of it, and its end', () => {
    const records = readJsonLines(run.stdout);
    const types = records.map(({ type }) => type);
    assert.equal(types[0], 'session.created');
    assert.equal(types.at(-1), 'summary');
    assert.equal((records.at(-1) as { exit_status?: number } | undefined)?.exit_status, 0);
    assert.equal(types.filter((type) => type === 'agent.completed').length, 3);
    const at = (type: string, name: string): number =>
      records.findIndex((record) => record.type === type && record.data.name === name);
    assert.ok(at('agent.started', 'build') > at('agent.completed', 'spec'));
    assert.ok(at('agent.started', 'build') > at('agent.completed', 'survey'));
  });
});

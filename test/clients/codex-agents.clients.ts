import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lastOutputs, startScriptedOpenAi, userTexts } from '../helpers/scripted-openai.ts';
import { type BackendDriver, backendCases, makeBackendBench } from './backend-cases.ts';
import { codexDriver } from './codex-driver.ts';

backendCases(codexDriver);

const canary = 'the-canary-sings-at-dawn';
test('what an agent wrote loads no skill into the Codex after it', async (t) => {
  const bench = await makeBackendBench(t, codexDriver, { respond: () => ({ text: 'Done.' }) });
  const folder = join(bench.project, '.agents', 'skills', 'sing');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'SKILL.md');
  await writeFile(file, `---\nname: sing\ndescription: Sings.\n---\n${canary}\n`);
  // All of these Codex 0.169.0 follows where they stand in a prompt.
  const unexpected = ['a$sing', '\\$sing', `[$sing](${file})`];
  const mentions = ['$sing', '> $sing.', '$$sing', '`$sing`', ...unexpected];
  await writeFile(join(bench.project, 'words.txt'), mentions.join('\n'));
  const second = { name: 'second', role: 'tester', task: 'Go on.', depends_on: ['first'] };
  const run = async (...agents: object[]): Promise<string> => {
    const before = bench.asked.length;
    await writeFile(join(bench.project, 'plan.json'), JSON.stringify({ objective: 'Go on.', agents }));
    const { status, stdout, stderr } = await bench.maos('run', 'plan.json', '--json');
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    return bench.asked
      .slice(before)
      .map(({ text }) => text)
      .join('\n');
  };

  await t.test('as its result', async () => {
    const command = ['cat', 'words.txt'];
    const first = { name: 'first', role: 'tester', task: 'Begin.', backend: 'command', command };
    const asked = await run(first, second);
    assert.ok(asked.includes('a$\\sing'), 'the mentions are handed over as text');
    assert.ok(!asked.includes(canary));
  });

  for (const mention of unexpected) {
    await t.test(`and ${mention} that stands in its own task does`, async () => {
      assert.ok((await run({ ...second, depends_on: [], task: `Use ${mention} now.` })).includes(canary));
    });
  }
});

test('it starts no more sub-agents at once than it may, and they are counted', async (t) => {
  const spawn = {
    namespace: 'multi_agent_v1',
    name: 'spawn_agent',
    arguments: { message: 'Count to three.' },
  };
  const told: string[] = [];
  // The first sub-agent is still at work when the second is asked for; of two calls at once, Codex may refuse both.
  const driver: BackendDriver = {
    ...codexDriver,
    startModel: () =>
      startScriptedOpenAi((request) => {
        if (!userTexts(request).join().includes('Have it counted.')) return { hang: true };
        told.push(...lastOutputs(request));
        return told.length < 2 ? { calls: [spawn] } : { text: told.join('; ') };
      }),
  };
  const settings = { limits: { maxSubagents: 1 } };
  const bench = await makeBackendBench(t, driver, { respond: () => assert.fail('not asked'), settings });
  const run = await bench.run('Have it counted.').ended;
  assert.equal(run.status, 0, run.stdout);
  const agent = await bench.agent();
  assert.match(agent.result ?? '', /agent_id.*; collab spawn failed: agent thread limit reached/);
  assert.equal(agent.subagents, 1);
  assert.match((await bench.maos('status', 'latest')).stdout, /Sub-agents\n {2}analyst: 1 started/);
});

test("none of the user's MCP servers is started, nor of a project that the user trusts", async (t) => {
  const bench = await makeBackendBench(t, codexDriver, { respond: () => ({ text: 'Done.' }) });
  const marks = ['user', 'dotted', 'project'].map((name) => join(bench.home, `${name}-started`));
  const serverAs = (key: string, mark: string | undefined) =>
    `[mcp_servers.${key}]\ncommand = "/bin/sh"\nargs = ["-c", "touch ${mark}; exec cat"]\n`;
  await appendFile(
    join(bench.home, '.codex', 'config.toml'),
    `${serverAs('user', marks[0])}${serverAs('"dotted.name"', marks[1])}[projects."${bench.project}"]\ntrust_level = "trusted"\n`,
  );
  await mkdir(join(bench.project, '.codex'));
  await writeFile(join(bench.project, '.codex', 'config.toml'), serverAs('project', marks[2]));

  const run = await bench.run('Go.').ended;
  assert.equal(run.status, 0, run.stdout);
  assert.deepEqual(marks.map(existsSync), [false, false, false]);
  // Proof that they could have been seen.
  const program = await codexDriver.install();
  const bare = await bench.start(program, ['exec', '--json', '--skip-git-repo-check', '-'], 'Go.').ended;
  assert.equal(bare.status, 0, bare.stderr);
  assert.deepEqual(marks.map(existsSync), [true, true, true]);
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { agentProcesses, killAgentProcesses } from '../helpers/agent-processes.ts';
import { inventedAgent } from '../helpers/bridge.ts';
import { until } from '../helpers/waiting.ts';
import { MaosFolder, type Running } from '../presentation/cli/maos-process.ts';

interface Status {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly {
    readonly agent_id: string;
    readonly state: string;
    readonly attempt: number;
    readonly result: string | null;
    readonly failure: { readonly kind: string; readonly message: string } | null;
  }[];
}

/** A project whose agents run the fake program with these habits. */
async function makeTeam(t: TestContext, ...habits: readonly string[]) {
  const maos = await MaosFolder.make();
  const started: Running[] = [];
  t.after(async () => {
    for (const { process } of started) process.kill('SIGKILL');
    const { stdout } = await maos.run('status', 'latest', '--json');
    killAgentProcesses((JSON.parse(stdout) as Status).agents.map(({ agent_id }) => agent_id));
    await maos.remove();
  });
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  const invented = { command: process.execPath, args: [inventedAgent, ...habits] };
  const config = { stopGraceSeconds: 5, backends: { agentClient: { invented } } };
  writeFileSync(join(maos.home, 'config.json'), JSON.stringify(config));
  const agents = [{ role: 'tester', task: 'Do it.', backend: 'agent-client:invented' }];
  writeFileSync(join(maos.project, 'plan.json'), JSON.stringify({ objective: 'Try it.', agents }));
  const status = () => maos.json<Status>('status', 'latest');
  return {
    maos,
    start(...args: readonly string[]) {
      const running = maos.start([...(args.length === 0 ? ['run', 'plan.json'] : args), '--json']);
      started.push(running);
      return running;
    },
    output: async () => (await maos.run('logs', 'latest')).stdout,
    /** The session's only agent. */
    agent: async () => (await status()).agents[0] ?? assert.fail('no agent'),
    /** Settles when the agent has printed the text. */
    said: (text: string) =>
      until(async () => (await maos.run('logs', 'latest')).stdout.includes(text), `"${text}" of the agent`),
    nobodyLeft: async () => {
      const { agents: all } = await status();
      await until(
        () => agentProcesses(all.map(({ agent_id }) => agent_id)).length === 0,
        'the end of all processes',
      );
    },
  };
}

it('runs an agent through the bridge, and shows what it did', async (t) => {
  const { start, agent, output, nobodyLeft, maos } = await makeTeam(t, 'resumes', 'noise');
  const { status, stderr } = await start().finished;
  assert.equal(status, 0, stderr);
  const { state, result } = await agent();
  assert.deepEqual([state, result], ['completed', 'All is done.']);
  const shown = await output();
  for (const text of ['Loading the model …', 'I will look.', 'ls -la', 'All is done.']) {
    assert.ok(shown.includes(text), `${text} is not in\n${shown}`);
  }
  assert.ok(!shown.includes('jsonrpc'), shown);
  const { stdout } = await maos.run('logs', 'latest', '--raw', '--stream', 'stdout');
  assert.ok(stdout.includes('"method":"session/prompt"'), 'every message is in the log');
  await nobodyLeft();
});

it('goes on when MAOS is killed, and is adopted by the next one', async (t) => {
  const team = await makeTeam(t, 'resumes', 'until=gate');
  const { maos } = team;
  const run = team.start();
  await team.said('Waiting.');
  run.process.kill('SIGKILL');
  await run.finished;
  writeFileSync(join(maos.project, 'gate'), '');
  const { status } = await maos.run('wait', 'latest', '--timeout', '60');
  assert.equal(status, 0);
  const { state, result, attempt } = await team.agent();
  assert.deepEqual([state, result, attempt], ['completed', 'All is done.', 1]);
  await team.nobodyLeft();
});

for (const [command, isAllowed] of [
  ['approve', true],
  ['deny', false],
] as const) {
  it(`asks a person for a permission, who can ${command} it: once, although MAOS is killed meanwhile`, async (t) => {
    const team = await makeTeam(t, 'resumes', 'wants=made');
    const { maos } = team;
    const run = team.start();
    await until(async () => (await maos.run('requests', '--json')).stdout.includes('req_'), 'the request');
    run.process.kill('SIGKILL');
    await run.finished;
    const answered = await maos.run(command, 'latest');
    assert.equal(answered.status, 0, answered.stderr);
    assert.equal((await maos.run('wait', 'latest', '--timeout', '60')).status, 0);
    const { state, result, attempt } = await team.agent();
    assert.deepEqual([state, result, attempt], ['completed', 'All is done.', 1]);
    const made = join(maos.project, 'made');
    assert.equal(existsSync(made) ? readFileSync(made, 'utf8') : '', isAllowed ? 'made\n' : '');
    assert.ok((await team.output()).includes(isAllowed ? 'It was once.' : 'It was no.'));
    const { requests } = await maos.json<{ requests: Record<string, unknown>[] }>('requests', '--closed');
    assert.deepEqual(
      requests.map(({ kind, tool, action, state: end, decision }) => [kind, tool, action, end, decision]),
      [['permission', 'execute', 'touch made', 'answered', isAllowed ? 'allow' : 'deny']],
    );
    await team.nobodyLeft();
  });
}

it('gets a message when its turn ends, as the beginning of another one', async (t) => {
  const team = await makeTeam(t, 'resumes', 'echo', 'until=gate');
  const { maos } = team;
  const run = team.start();
  await team.said('Waiting.');
  const sent = await maos.run('message', 'send', 'latest', 'tester', 'Use port 8081.');
  assert.equal(sent.status, 0, sent.stderr);
  assert.match(sent.stdout, /comes with its next call of a team tool, or when its turn ends/);
  writeFileSync(join(maos.project, 'gate'), '');
  assert.equal((await run.finished).status, 0);
  const { state, result, attempt } = await team.agent();
  assert.deepEqual([state, attempt], ['completed', 1]);
  assert.match(result ?? '', /Use port 8081\./);
  const { messages } = await maos.json<{ messages: Record<string, unknown>[] }>('message', 'list', 'latest');
  assert.deepEqual(
    messages.map((message) => message.state),
    ['delivered'],
  );
  const { stdout } = await maos.run('logs', 'latest', '--raw', '--stream', 'stdout');
  assert.equal(stdout.match(/"method":"session\/prompt"/g)?.length, 2);
  await team.nobodyLeft();
});

it('finds a message that waited for its start in its prompt', async (t) => {
  const team = await makeTeam(t, 'resumes', 'echo', 'until=gate');
  const { maos } = team;
  const agent = { role: 'tester', task: 'Do it.', backend: 'agent-client:invented' };
  const agents = [
    { ...agent, name: 'first' },
    { ...agent, name: 'second', depends_on: ['first'] },
  ];
  writeFileSync(join(maos.project, 'plan.json'), JSON.stringify({ objective: 'Try it.', agents }));
  const run = team.start();
  await team.said('Waiting.');
  const sent = await maos.run('message', 'send', 'latest', 'second', 'Use port 8081.');
  assert.match(sent.stdout, /comes with the prompt of its next start/);
  writeFileSync(join(maos.project, 'gate'), '');
  assert.equal((await run.finished).status, 0);
  const { stdout } = await maos.run('logs', 'latest', 'second', '--raw', '--stream', 'stdout');
  const prompts = stdout.split('\n').filter((line) => line.includes('"method":"session/prompt"'));
  assert.equal(prompts.length, 1);
  assert.match(prompts[0] ?? '', /Use port 8081\./);
  const { messages } = await maos.json<{ messages: Record<string, unknown>[] }>('message', 'list', 'latest');
  assert.deepEqual(
    messages.map((message) => message.state),
    ['delivered'],
  );
});

it('is cancelled with all that it started, also when it ignores that', async (t) => {
  const team = await makeTeam(t, 'stubborn', 'children', 'until=/no/such/file');
  const run = team.start();
  await team.said('Waiting.');
  const { survivors } = await team.maos.json<{ survivors: number }>('cancel', 'latest');
  assert.equal(survivors, 0);
  await run.finished;
  assert.equal((await team.agent()).state, 'cancelled');
  await team.nobodyLeft();
});

it('is interrupted by a pause and goes on in its conversation, where its program can', async (t) => {
  const team = await makeTeam(t, 'loads', 'waits');
  const run = team.start();
  await until(async () => (await team.output()).includes('Wait'), 'the tool of the agent');
  await team.maos.json('pause', 'latest');
  await run.finished;
  await team.nobodyLeft();
  assert.equal((await team.agent()).state, 'resumable');
  const resumed = team.start('resume', 'latest');
  await until(async () => (await team.agent()).attempt === 2, 'the second attempt');
  await until(
    async () =>
      (await team.maos.run('logs', 'latest', '--raw', '--stream', 'stdout')).stdout.includes('session/load'),
    'a session/load',
  );
  await team.maos.json('cancel', 'latest');
  await resumed.finished;
});

it('stands still in a pause where its program cannot resume', async (t) => {
  const team = await makeTeam(t, 'until=/no/such/file');
  const run = team.start();
  await team.said('Waiting.');
  await team.maos.json('pause', 'latest');
  const { agent_id, state, attempt } = await team.agent();
  assert.deepEqual([state, attempt], ['running', 1]);
  assert.ok(agentProcesses([agent_id]).length > 0);
  await team.maos.json('cancel', 'latest');
  await run.finished;
  await team.nobodyLeft();
});

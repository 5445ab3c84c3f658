import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanClaudeEnv, installClaudeCode } from '../helpers/claude-code.ts';
import { lastToolResults, type ModelRequest, startScriptedModel } from '../helpers/scripted-model.ts';
import { type Asked, type BackendDriver, type Said, usageOfAnswer } from './backend-cases.ts';
import { lastWordOf, textOf } from './claude-script.ts';
import { codexDriver } from './codex-driver.ts';
import { geminiDriver } from './gemini-driver.ts';
import { ModelScript, read, type ToolAnswer, waitUntilSettled } from './model-script.ts';
import { opencodeDriver } from './opencode-driver.ts';
import { qwenDriver } from './qwen-driver.ts';
import { makeWorkplace, maosProgram, type Workplace } from './workplace.ts';

interface Member {
  readonly driver: BackendDriver;
  readonly role: string;
  readonly task: string;
  readonly after: readonly string[];
  /** What it leaves to those after it, in the shared context and as its result. */
  readonly file: string;
  readonly result: string;
}

/** Every one on a CLI of its own, and each edge between two of them. */
const team: Readonly<Record<string, Member>> = {
  spec: {
    driver: codexDriver,
    role: 'api_architect',
    task: 'Write down which endpoints there are.',
    after: [],
    file: 'spec.md',
    result: 'Three endpoints, POST /passkeys is the first.',
  },
  survey: {
    driver: geminiDriver,
    role: 'researcher',
    task: 'Find out how two others do it.',
    after: [],
    file: 'survey.md',
    result: 'Both of them keep one key per device.',
  },
  build: {
    driver: opencodeDriver,
    role: 'backend_engineer',
    task: 'Build it.',
    after: ['spec', 'survey'],
    file: 'notes.md',
    result: 'Built as specified: POST /passkeys answers 201.',
  },
  review: {
    driver: qwenDriver,
    role: 'reviewer',
    task: 'Review it.',
    after: ['spec', 'survey', 'build'],
    file: 'review.md',
    result: 'Nothing to complain about, 漢字 and 🎉 included.',
  },
};

const objective = 'Make logins work with passkeys.';
const orchestrate = {
  objective,
  agents: Object.entries(team).map(([name, { driver, role, task, after }]) => {
    return { name, role, task, backend: driver.name, depends_on: after };
  }),
};

/** A workplace where all of them find their models, and what each model was asked. */
async function makeTeamPlace(t: Parameters<typeof makeWorkplace>[0], leaderUrl: string) {
  const asked: Record<string, Asked[]> = {};
  const places = await Promise.all(
    Object.entries(team).map(async ([name, member]) => {
      const requests: Asked[] = [];
      asked[name] = requests;
      const respond = (request: Asked): Said => {
        requests.push(request);
        const command = `echo '${name} was here' > "$MAOS_SHARED_CONTEXT/${member.file}"`;
        return request.commands === 0 ? { command } : { text: member.result };
      };
      const { driver } = member;
      const [program, model] = await Promise.all([driver.install(), driver.startModel(respond)]);
      t.after(model.close);
      return { driver, program, url: model.url };
    }),
  );
  const settingsOf = ({ model, settings }: BackendDriver) => ({
    ...(model === undefined ? {} : { model }),
    ...settings,
  });
  const workplace = await makeWorkplace(t, {
    settings: { backends: Object.fromEntries(places.map(({ driver }) => [driver.name, settingsOf(driver)])) },
    env: (home) => ({
      ...Object.assign({}, ...places.map(({ driver, url }) => driver.env(home, url))),
      ...Object.fromEntries(places.map(({ driver, program }) => [driver.pathVariable, program])),
      ...cleanClaudeEnv({ home, modelUrl: leaderUrl }),
    }),
  });
  for (const { driver, url } of places) await driver.setUp?.(workplace.home, url);
  return { workplace, asked };
}

test('four agents on four CLIs, with a handoff along every edge, led by a fifth over MCP', async (t) => {
  const script = new ModelScript<ModelRequest>();
  const leader = await startScriptedModel({
    respond(request) {
      // Beside the conversation it asks for titles and the like, without tools.
      if (!request.tools.some(({ name }) => name.startsWith('mcp__maos__')))
        return { text: 'Nothing to say.' };
      const [answer] = lastToolResults(request).map(
        (block): ToolAnswer => ({ text: textOf(block), isError: block.is_error === true }),
      );
      const step = script.next(request, answer);
      return 'text' in step ? step : { toolUse: { name: `mcp__maos__${step.call[0]}`, input: step.call[1] } };
    },
  });
  t.after(leader.close);
  const { workplace, asked } = await makeTeamPlace(t, leader.url);
  const lastWord = await lead(workplace, script);

  await t.test('the leader has the end of the session and the last result', () => {
    assert.equal(lastWord, `It is completed: ${team.review?.result}`);
  });

  await t.test('each ran on its own CLI to its result, once, and is recorded so', async () => {
    const { state, agents } = await workplace.status();
    assert.equal(state, 'completed');
    assert.deepEqual(
      agents.map(({ name, backend, state, attempt, result }) => [name, backend, state, attempt, result]),
      Object.entries(team).map(([name, { driver, result }]) => [name, driver.name, 'completed', 1, result]),
    );
    for (const { name, usage } of agents) {
      const { input_tokens } = usage ?? assert.fail(`no usage of ${name}`);
      assert.equal(input_tokens, 2 * usageOfAnswer.inputTokens, name);
    }
  });

  await t.test('along every edge the next one was told the result and the file', async () => {
    const { folder } = await workplace.status();
    for (const [name, { after }] of Object.entries(team)) {
      const prompt = asked[name]?.[0]?.text ?? assert.fail(`${name} was not asked`);
      for (const [other, { role, result, file }] of Object.entries(team)) {
        const isEdge = after.includes(other);
        assert.equal(
          prompt.includes(`## From ${other} (${role})\n\n> ${result}`),
          isEdge,
          `${other} to ${name}`,
        );
        assert.equal(prompt.includes(`${folder}/shared/context/${file} (`), isEdge, `${file} to ${name}`);
      }
    }
  });

  await t.test('nothing is left running', () => workplace.nothingLeft());
});

/** Claude Code with `maos serve` as its server. @returns its last word */
async function lead(workplace: Workplace, script: ModelScript<ModelRequest>): Promise<string | undefined> {
  const program = await installClaudeCode();
  const add = ['mcp', 'add', 'maos', '--', process.execPath, maosProgram, 'serve'];
  const added = await workplace.start(program, add).ended;
  assert.equal(added.status, 0, `${added.stdout}\n${added.stderr}`);
  script.begin(function* () {
    const { session_id } = read(yield ['orchestrate', orchestrate]);
    const { state, agents } = yield* waitUntilSettled(session_id);
    const review = (agents as { name: string; result?: string }[]).find(({ name }) => name === 'review');
    return `It is ${state}: ${review?.result}`;
  });
  const print = ['-p', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'mcp__maos'];
  return lastWordOf(workplace.start(program, print, 'Have a team do it.'));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastToolResults, type ModelRequest, type ScriptStep } from '../helpers/scripted-model.ts';
import { makeBench } from './bench.ts';
import { lastWordOf, register, textOf } from './claude-script.ts';
import { ModelScript, read, waitUntilSettled } from './model-script.ts';
import { maosProgram, readJsonLines } from './workplace.ts';

const question = 'Which port?';

interface Waited {
  readonly requests?: readonly { readonly request_id: string; readonly action: string }[];
}

test('a question of an agent is answered by the Claude Code that leads its team over MCP', async (t) => {
  const script = new ModelScript<ModelRequest>();
  const heard: string[] = [];
  function respond(request: ModelRequest): ScriptStep {
    const names = request.tools.map(({ name }) => name);
    const [result] = lastToolResults(request);
    if (names.some((name) => name.startsWith('mcp__maos__'))) {
      const answer = result && { text: textOf(result), isError: result.is_error === true };
      const step = script.next(request, answer);
      return 'text' in step ? step : { toolUse: { name: `mcp__maos__${step.call[0]}`, input: step.call[1] } };
    }
    const ask = names.find((name) => name.includes('maos') && name.endsWith('ask'));
    // Beside its conversation, a Claude Code asks for titles and the like.
    if (ask === undefined) return { text: 'Nothing to say.' };
    if (result === undefined) return { toolUse: { name: ask, input: { question } } };
    heard.push(textOf(result));
    return { text: 'It listens on port 8080.' };
  }
  const bench = await makeBench(t, { respond });
  await register(bench, process.execPath, maosProgram, 'serve');
  script.begin(function* () {
    const agents = [{ name: 'asker', role: 'tester', task: 'Ask.' }];
    const { session_id } = read(yield ['orchestrate', { objective: 'Have a server.', agents }]);
    for (;;) {
      const { requests = [] } = read(yield ['wait-session', { session_id, timeout_seconds: 60 }]) as Waited;
      const [request] = requests;
      if (request === undefined) continue;
      assert.equal(request.action, question);
      read(yield ['respond', { request_id: request.request_id, answer: '8080' }]);
      const { state } = yield* waitUntilSettled(session_id);
      return `It is ${state}.`;
    }
  });
  const print = ['-p', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'mcp__maos'];
  assert.equal(await lastWordOf(bench.startClaude(print, 'Have a team do it.')), 'It is completed.');
  assert.deepEqual(
    heard.map((text) => text.replace(/^Answered by [^:]*:\s*/, '')),
    ['8080'],
    'in the next request of the agent that asked',
  );
  const { stdout } = await bench.maos('events', 'latest', '--type', 'request', '--json');
  assert.deepEqual(
    readJsonLines(stdout).map(({ type, data }) => [type, data.by]),
    [
      ['request.opened', undefined],
      ['request.answered', 'a client over MCP'],
    ],
  );
  const [agent] = (await bench.status()).agents;
  assert.deepEqual([agent?.attempt, agent?.result], [1, 'It listens on port 8080.']);
  await bench.nothingLeft();
});

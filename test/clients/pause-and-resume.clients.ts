import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelRequest, ScriptStep } from '../helpers/scripted-model.ts';
import { makeBench, promptOf } from './bench.ts';
import { makeMoment, readJsonLines } from './workplace.ts';

const task = 'Count the endpoints.';
const answer = 'There are three.';

/** The conversation a request belongs to, as Claude Code itself tells its provider. */
function conversationOf({ raw }: ModelRequest): string {
  const { user_id } = raw.metadata as { user_id: string };
  const found = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(user_id.slice(user_id.indexOf('session')));
  return found?.[0] ?? assert.fail(`no conversation in ${user_id}`);
}

test('pause interrupts a Claude Code in the middle of a call; resume goes on in the same conversation', async (t) => {
  const asked = makeMoment('the first request');
  const requests: ModelRequest[] = [];

  function respond(request: ModelRequest): ScriptStep {
    if (!promptOf(request).includes(task)) return { text: 'ok' };
    requests.push(request);
    if (requests.length > 1) return { text: answer };
    asked.arrive();
    return { hang: true };
  }

  const bench = await makeBench(t, { respond });
  const run = bench.startMaos('run', 'Know the API.', '--agent', `researcher=${task}`, '--json');
  await asked.came;

  const pause = await bench.maos('pause', 'latest', '--json');
  assert.equal(pause.status, 0, pause.stderr);
  assert.equal((await run.ended).status, 7, 'a paused run is not done');
  await bench.nothingLeft();
  const paused = await bench.status();
  assert.deepEqual(
    [paused.state, paused.agents[0]?.state, paused.agents[0]?.attempt],
    ['paused', 'resumable', 1],
  );
  const [conversation] = bench.conversations().values();
  assert.ok(conversation);
  assert.equal(requests.length, 1, 'nothing is asked while it is paused');

  const resume = await bench.maos('resume', 'latest', '--json');
  assert.equal(resume.status, 0, `${resume.stdout}\n${resume.stderr}`);
  const done = await bench.status();
  const [agent] = done.agents;
  assert.deepEqual(
    [done.state, agent?.state, agent?.result, agent?.attempt],
    ['completed', 'completed', answer, 2],
  );

  assert.ok(requests.length > 1, 'the model was not asked again');
  assert.deepEqual(
    new Set(requests.map(conversationOf)),
    new Set([conversation]),
    'both attempts told the provider the same conversation',
  );
  assert.deepEqual([...bench.conversations().values()], [conversation]);
  const last = requests.at(-1) as ModelRequest;
  assert.equal(promptOf(last), promptOf(requests[0] as ModelRequest), 'it goes on from the first prompt');
  const said = last.messages.filter(({ role }) => role === 'user');
  assert.ok(
    said.length > 1 ||
      JSON.stringify(said[0]?.content).length > JSON.stringify(requests[0]?.messages[0]?.content).length,
    'the interrupted turn is followed by what tells it to go on',
  );
  const types = readJsonLines(resume.stdout).flatMap(({ type }) =>
    type === 'session.taken_over' ? [] : type,
  );
  assert.deepEqual(types.slice(0, 3), ['session.requested', 'session.resumed', 'agent.started']);
  const { stdout } = await bench.maos('events', 'latest', '--type', 'agent.interrupted', '--json');
  assert.equal(readJsonLines(stdout).length, 1);
  await bench.nothingLeft();
});

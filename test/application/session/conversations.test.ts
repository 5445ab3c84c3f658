import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestPause, requestResume } from '../../../src/application/control/control.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { claudeProject, player, type Step, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { eventOf, type RealProject, settled, start } from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

const stay: Step = { ms: 60_000 };

/** Pauses the session once its conversation is recorded, and resumes it. */
async function pauseAndResume(real: RealProject, id: SessionId): Promise<void> {
  await eventOf(real, id, 'agent.progressed', 'a');
  await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
  assert.equal((await settled(real, id)).state, 'paused');
  await requestResume(real.project, real.supervisor, id, 'test', 'On.');
}

/** The output of Claude Code when the conversation to resume no longer exists. */
const gone: readonly Step[] = [
  {
    line: {
      ...{ type: 'result', subtype: 'error_during_execution', is_error: true, num_turns: 0 },
      ...{ modelUsage: {}, errors: ['No conversation found with session ID: c-1'] },
    },
  },
  { exit: 1 },
];

describe('an agent that goes on after a pause', () => {
  it('starts afresh and says so when its conversation is gone', async (t) => {
    const real = claudeProject(t);
    const id = await start(real, [
      player(real.root, 'a', [[turn(5), stay], gone, [turn(3), success('Done.', 3)]]),
    ]);
    await pauseAndResume(real, id);
    const done = await settled(real, id);
    const { state, result, usage, attempt } = done.agent('a');
    assert.deepEqual([state, result, attempt], ['completed', 'Done.', 3]);
    assert.deepEqual([usage?.inputTokens, usage?.turns], [8, 2]);
    const [first, second, third] = startsOf(real.root, 'a');
    assert.deepEqual([first, third], [null, null]);
    assert.match(second ?? '', /^[0-9a-f-]{36}$/);
    const reason = done.of('agent.interrupted', 'a').at(-1)?.data.reason ?? '';
    assert.match(reason, /^Its conversation [0-9a-f-]{36} cannot be resumed \(No conversation found/);
    assert.match(reason, /so it starts a new one\.$/);
  });

  it('has failed when Claude Code says so of a conversation that it was not to go on with', async (t) => {
    const real = claudeProject(t);
    const id = await start(real, [player(real.root, 'a', [gone])]);
    const done = await settled(real, id);
    assert.deepEqual([done.agent('a').failure?.kind, done.agent('a').attempt], ['exit_code', 1]);
  });

  it('keeps what it used, and goes on with the new id, when its conversation gets another one', async (t) => {
    const real = claudeProject(t);
    const renamed: Step = { line: { type: 'system', subtype: 'init', session_id: 'another-1' } };
    const whole = success('Done.', 12);
    const plays = [
      [turn(5), turn(1), stay],
      [renamed, turn(3), stay],
      [renamed, turn(3), whole],
    ];
    const id = await start(real, [player(real.root, 'a', plays)]);
    await pauseAndResume(real, id);
    await eventOf(real, id, 'agent.interrupted', 'a');
    await until(() => real.project.store.load(id).agents[0]?.conversation === 'another-1');
    await requestPause(real.project, real.supervisor, id, 'test', 'Another break.');
    assert.equal((await settled(real, id)).state, 'paused');
    await requestResume(real.project, real.supervisor, id, 'test', 'On.');
    const done = await settled(real, id);
    const { usage, conversation } = done.agent('a');
    assert.equal(startsOf(real.root, 'a')[2], 'another-1');
    assert.equal(conversation, 'another-1');
    assert.deepEqual([usage?.inputTokens, usage?.turns], [12, 4]);
  });
});

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Settings } from '../../../src/application/ports/settings.ts';
import { InputRequests } from '../../../src/application/requests/input-requests.ts';
import type { InputRequestId, SessionId } from '../../../src/domain/ids.ts';
import type { InputRequest } from '../../../src/domain/input-request.ts';
import { claudeProject, player, type Step, success, turn } from '../../helpers/fake-claude.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { eventOf, outcome, type RealProject, settled, start } from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

const touch: Step = { ask: { tool: 'Bash', input: { command: 'touch made' } } };
const asking = [turn(5), touch, { make: 'answered' }, success('Done.')];
const person = { type: 'person', front: 'cli' } as const;

/** The answers that the CLI received, in order. */
function answers(root: string, name = 'asker'): readonly { behavior: string; message?: string }[] {
  const file = join(root, `${name}.answers`);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function asked(real: RealProject, id: SessionId): Promise<InputRequest> {
  const { data } = await until(() => outcome(real, id).of('request.opened')[0]);
  return new InputRequests(real.project).find(data.id as InputRequestId);
}

function project(t: TestContext, settings: Partial<Settings> = {}): RealProject {
  return claudeProject(t, { settings });
}

describe('the permission that a CLI asks for', () => {
  it('is a request: its agent awaits the answer, and the CLI goes on with it', async (t) => {
    const real = project(t);
    const id = await start(real, [player(real.root, 'asker', [asking])]);
    const request = await asked(real, id);
    assert.deepEqual([request.tool, request.action, request.attempt], ['Bash', 'touch made', 1]);
    const moved = await eventOf(real, id, 'agent.stage_changed', 'asker');
    assert.deepEqual([moved.data.stage, outcome(real, id).agent('asker').stage], ['awaiting', 'awaiting']);
    assert.deepEqual(answers(real.root), []);
    const answer = { kind: 'permission', decision: 'allow', message: null } as const;
    new InputRequests(real.project).answer(request.id, answer, person);
    const done = await settled(real, id);
    assert.deepEqual([done.state, done.agent('asker').result], ['completed', 'Done.']);
    const [allowed] = answers(real.root);
    assert.deepEqual(allowed, { behavior: 'allow', updatedInput: { command: 'touch made' } });
    const stages = done.of('agent.stage_changed', 'asker').map(({ data }) => data.stage);
    assert.deepEqual(stages, ['awaiting', 'executing', 'collecting']);
  });

  it('is refused with what the person said', async (t) => {
    const real = project(t);
    const id = await start(real, [player(real.root, 'asker', [asking])]);
    const { id: request } = await asked(real, id);
    const answer = { kind: 'permission', decision: 'deny', message: 'Use the Write tool.' } as const;
    new InputRequests(real.project).answer(request, answer, person);
    await settled(real, id);
    const message = 'Denied by a person at a terminal: Use the Write tool.';
    assert.deepEqual(answers(real.root), [{ behavior: 'deny', message }]);
  });

  it('is a question, with an answer in words, where the model asks its user', async (t) => {
    const real = project(t);
    const input = { questions: [{ question: 'Which port?', options: [{ label: '80' }, { label: '81' }] }] };
    const play = [turn(5), { ask: { tool: 'AskUserQuestion', input } }, success('Done.')];
    const id = await start(real, [player(real.root, 'asker', [play])]);
    const request = await asked(real, id);
    assert.deepEqual(
      [request.kind, request.tool, request.action, request.choices],
      ['question', null, 'Which port?', ['80', '81']],
    );
    new InputRequests(real.project).answer(request.id, { kind: 'question', text: '81' }, person);
    await settled(real, id);
    const updatedInput = { ...input, answers: { 'Which port?': '81' } };
    assert.deepEqual(answers(real.root), [{ behavior: 'allow', updatedInput }]);
  });

  it('is denied when nobody answers in time, and the CLI is told so', async (t) => {
    const clock = new SteeredClock();
    const real = claudeProject(t, { clock, settings: { approvals: { rules: [], expireMs: 600_000 } } });
    const id = await start(real, [player(real.root, 'asker', [asking])]);
    await asked(real, id);
    await clock.pass(600_000);
    const done = await settled(real, id);
    assert.equal(answers(real.root)[0]?.behavior, 'deny');
    assert.match(answers(real.root)[0]?.message ?? '', /^Nobody answered in time/);
    assert.equal(done.of('request.expired').length, 1);
  });

  it('is denied at once where requests expire at once', async (t) => {
    const real = project(t, { approvals: { rules: [], expireMs: 0 } });
    const id = await start(real, [player(real.root, 'asker', [asking])]);
    const done = await settled(real, id);
    assert.equal(done.state, 'completed');
    assert.equal(answers(real.root)[0]?.behavior, 'deny');
  });

  it('is answered by a rule without anybody being asked', async (t) => {
    const rules = [{ tool: 'Bash', pattern: 'touch *', decision: 'allow' as const }];
    const real = project(t, { approvals: { rules, expireMs: 600_000 } });
    const id = await start(real, [player(real.root, 'asker', [asking])]);
    const done = await settled(real, id);
    assert.equal(answers(real.root)[0]?.behavior, 'allow');
    assert.equal(done.of('request.answered').length, 1);
  });

  it('is asked for once, though its MAOS is killed before and after the answer', async (t) => {
    const real = project(t);
    const other = await otherMaos(t, real, { hasClaude: true });
    const later: Step = { wait: 'go-on' };
    const play = [turn(5), touch, { make: 'answered' }, later, success('Done.')] as const;
    const id = await other.start({
      objective: 'See it work.',
      agents: [player(real.root, 'asker', [play])],
    });
    const opened = await other.event(({ type }) => type === 'request.opened');
    await other.kill();
    const requests = new InputRequests(real.project);
    const answer = { kind: 'permission', decision: 'allow', message: null } as const;
    requests.answer((opened.data as { id: InputRequestId }).id, answer, person);
    real.watch.start();
    await until(() => existsSync(join(real.root, 'answered')), 'the answer of the CLI');
    writeFileSync(join(real.root, 'go-on'), '');
    const done = await settled(real, id);
    assert.deepEqual([done.state, answers(real.root).length], ['completed', 1]);
    assert.equal(requests.list({ sessionId: id, limit: 10 }).length, 1);
  });
});

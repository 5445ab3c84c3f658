import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { liveStatusOf } from '../../../src/application/queries/live-status.ts';
import { agentStatus, agentStatusAnswer } from '../../../src/presentation/contracts/session-answers.ts';
import { agentView, namesOf, workflowView } from '../../../src/presentation/contracts/views.ts';
import { claudeProject, player, type Step, success, turn } from '../../helpers/fake-claude.ts';
import { eventOf, type RealProject, settled, start } from '../../helpers/real-project.ts';

const use = { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'git push\nrm x' } };
const asked: Step = { line: { type: 'assistant', message: { id: 'msg_use', content: [use], usage: {} } } };
const refused: Step = {
  line: {
    type: 'user',
    message: { content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'No.', is_error: true }] },
    tool_result_meta: [{ id: 'toolu_1', permission_decision: { decision: 'reject', source: 'config' } }],
  },
};
const denied: Step = {
  line: { type: 'system', subtype: 'permission_denied', tool_name: 'WebFetch', tool_use_id: 'toolu_2' },
};

function project(t: TestContext): RealProject {
  const limits = { stallMs: null, maxOutputBytes: null, afterResultMs: 3_600_000, maxSubagents: null };
  return claudeProject(t, { settings: { limits } });
}

function ending(denials: readonly object[]): Step {
  const { line } = success('I could not push.') as { line: object };
  return { line: { ...line, permission_denials: denials } };
}

function told(real: RealProject, id: Awaited<ReturnType<typeof start>>) {
  const { store, clock } = real.project;
  const workflow = store.load(id);
  const liveStatus = liveStatusOf(store, workflow, Date.parse(clock.now()));
  const [agent = assert.fail()] = workflow.agents;
  const around = { session: workflow.session, names: namesOf(workflow.agents), liveStatus };
  const answer = agentStatusAnswer(agentView(agent, around), 100);
  assert.deepEqual(agentStatus.parse(answer), answer);
  const [view] = JSON.parse(JSON.stringify(workflowView(workflow, liveStatus))).agents;
  return { answer, view };
}

describe('what an agent was not permitted to do', () => {
  it('is told while it runs and after, each refusal once, in JSON and to clients', async (t) => {
    const bed = project(t);
    const again = { tool_name: 'Bash', tool_use_id: 'toolu_1', tool_input: use.input };
    const play = [turn(1), asked, refused, denied, { wait: 'looked' }, ending([again])];
    const id = await start(bed, [player(bed.root, 'a', [play])]);
    await eventOf(bed, id, 'agent.progressed', 'a');
    const both = { count: 2, shown: ['Bash: git push', 'WebFetch'] };
    assert.deepEqual(told(bed, id).view.permission_denials, both);
    writeFileSync(join(bed.root, 'looked'), '');
    assert.equal((await settled(bed, id)).state, 'completed');
    const { answer, view } = told(bed, id);
    assert.deepEqual(view.permission_denials, both);
    assert.equal(answer.note, 'not permitted (2): Bash: git push, WebFetch');
  });

  it('stays within the size of an answer', async (t) => {
    const bed = project(t);
    const many = Array.from({ length: 40 }, (_, index) => ({
      ...{ tool_name: 'Write', tool_use_id: `toolu_w${index}` },
      tool_input: { file_path: `/etc/${'x'.repeat(5_000)}${index}` },
    }));
    const id = await start(bed, [player(bed.root, 'a', [[turn(1), ending([...many, ...many])]])]);
    assert.equal((await settled(bed, id)).agent('a').state, 'completed');
    const { answer, view } = told(bed, id);
    assert.deepEqual([view.permission_denials.count, view.permission_denials.shown.length], [40, 20]);
    assert.ok(view.permission_denials.shown.every((text: string) => text.length <= 300));
    assert.match(answer.note ?? '', /^not permitted \(40\): Write: \/etc\/xx.*…$/);
    assert.ok((answer.note ?? '').length <= 150);
  });
});

describe('what an agent is at', () => {
  it('is told while it runs, and only then', async (t) => {
    const bed = project(t);
    const id = await start(bed, [player(bed.root, 'a', [[turn(1), { wait: 'looked' }, success('Done.')]])]);
    await eventOf(bed, id, 'agent.spawned', 'a');
    const running = told(bed, id);
    assert.deepEqual([running.view.stage, running.answer.stage], ['executing', 'executing']);
    writeFileSync(join(bed.root, 'looked'), '');
    assert.equal((await settled(bed, id)).agent('a').stage, null);
    const { answer, view } = told(bed, id);
    assert.deepEqual([view.stage, answer.stage], [undefined, undefined]);
  });
});

describe('an agent that has given a result and does not end', () => {
  it('is told so', async (t) => {
    const bed = project(t);
    const id = await start(bed, [player(bed.root, 'a', [[turn(1), success('Done.'), { wait: 'looked' }]])]);
    const { data } = await eventOf(bed, id, 'agent.answered', 'a');
    const { answer, view } = told(bed, id);
    assert.deepEqual(view.result_given, { background: [], until: data.until });
    assert.equal(answer.note, `result given, processes still running; MAOS ends them at ${data.until}`);
    writeFileSync(join(bed.root, 'looked'), '');
    assert.equal((await settled(bed, id)).agent('a').lingering, null);
  });
});

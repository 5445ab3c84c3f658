import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent, PermissionDenials } from '../../src/domain/agent.ts';
import { denialEvents } from '../../src/domain/denials.ts';
import { makePlan } from '../../src/domain/plan.ts';
import { createWorkflow } from '../../src/domain/workflow.ts';
import { agentRequest, planRequest, sessionId, time } from './samples.ts';

const plan = makePlan(planRequest([agentRequest()]));
const [agent = assert.fail()] = createWorkflow(plan, { sessionId, suffixes: ['aaaaaa'] }, time(0)).next
  .agents;

function told(before: PermissionDenials | null, after: PermissionDenials | null): readonly unknown[] {
  const of = (denials: PermissionDenials | null): Agent => ({ ...agent, denials });
  return denialEvents(of(before), of(after), time(1)).map(({ type, agentId, data }) => {
    assert.deepEqual([type, agentId], ['agent.permission_denied', agent.id]);
    return [Reflect.get(data, 'tool'), Reflect.get(data, 'action')];
  });
}

describe('the denials of an agent', () => {
  it('are told once each, with the tool and what it wanted', () => {
    const first = { count: 1, shown: ['Bash: git push: now'] };
    const both = { count: 2, shown: [...first.shown, 'Write'] };
    assert.deepEqual(told(null, first), [['Bash', 'git push: now']]);
    assert.deepEqual(told(first, both), [['Write', '']]);
    assert.deepEqual(told(both, { ...both }), []);
    assert.deepEqual(told(null, both), [
      ['Bash', 'git push: now'],
      ['Write', ''],
    ]);
    assert.deepEqual(told(both, null), []);
  });

  it('are told up to those that are shown, and then once that there are more', () => {
    const shown = ['a: 1', 'b: 2'];
    const more = [null, 'more than 2 actions; further ones are counted only'];
    assert.deepEqual(told({ count: 1, shown: ['a: 1'] }, { count: 5, shown }), [['b', '2'], more]);
    assert.deepEqual(told({ count: 2, shown }, { count: 3, shown }), [more]);
    assert.deepEqual(told({ count: 3, shown }, { count: 9, shown }), []);
  });

  it('are cut where they are long', () => {
    const [event = assert.fail()] = told(null, { count: 1, shown: [`Bash: ${'x'.repeat(5_000)}`] });
    assert.equal((event as string[])[1]?.length, 500);
  });
});

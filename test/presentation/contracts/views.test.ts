import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeActivity } from '../../../src/application/session/activity-line.ts';
import type { AgentFailure } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { quote } from '../../../src/domain/errors.ts';
import { agentStatus, agentStatusAnswer } from '../../../src/presentation/contracts/session-answers.ts';
import { agentView, namesOf, workflowView } from '../../../src/presentation/contracts/views.ts';
import { agentRequest, planRequest, started } from '../../domain/samples.ts';

/**
 * Texts of characters outside the BMP, one for each alignment, so that every cut is inside a character of one of them.
 */
const texts = [0, 1].map((shift) => `${'a'.repeat(shift)}${'🙂'.repeat(2_000)}`);

describe('what is told of sessions', () => {
  it('has no half characters, wherever a text is cut', () => {
    for (const text of texts) {
      const workflow = started({
        ...planRequest([
          agentRequest({ task: text }),
          agentRequest({ roleName: 'tester', task: text, backend: 'command', command: ['npm', 'test'] }),
        ]),
        objective: text,
      });
      const failure: AgentFailure = { kind: 'exit_code', message: text, stderrTail: `${text}!` };
      const agents = workflow.agents.map((agent) => ({ ...agent, result: text, failure }));
      // JSON escapes half of a surrogate pair, but not a complete one.
      const told = [JSON.stringify(workflowView({ ...workflow, agents })), quote(text)];
      assert.ok(told.every((json) => !/\\ud[89a-f]/i.test(json)));
      assert.ok(describeActivity({ type: 'text', text })?.isWellFormed());
    }
  });
});

describe('what a tool answers of an agent', () => {
  const { session, agents } = started(planRequest([agentRequest({ task: 'Look.' })]));
  const usage = {
    ...{ inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 },
    ...{ turns: 5, costUsd: 0.25 },
  };
  const agent = {
    ...(agents[0] ?? assert.fail()),
    budget: { ...noBudget, maxTokens: 40 },
    failure: { kind: 'timeout', message: 'Too long.', stderrTail: 'slow' } as const,
    result: 'Half of it.',
    denials: { count: 1, shown: ['Bash: git push'] },
    subagents: 2,
    usage,
  };
  const view = agentView(agent, { session, names: namesOf(agents), liveStatus: null });
  const answer = agentStatusAnswer(view, 100);

  it('is what the one view says, under the same name', () => {
    const { failure: _, budget: __, tokens: ___, cost_usd: ____, failure_kind: _____, ...selected } = answer;
    for (const [key, value] of Object.entries(selected)) {
      assert.deepEqual(value, view[key as keyof typeof view], key);
    }
    assert.equal(selected.note, 'not permitted (1): Bash: git push');
  });

  it('is shorter where the view has more parts', () => {
    assert.deepEqual(
      [answer.failure_kind, answer.failure, answer.tokens, answer.cost_usd, answer.budget],
      ['timeout', 'Too long. stderr: slow', 10, 0.25, 'tokens 10 of 40 (25 %)'],
    );
    assert.deepEqual(agentStatus.parse(answer), answer);
  });
});

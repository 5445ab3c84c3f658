import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeActivity } from '../../../src/application/session/activity-line.ts';
import type { AgentFailure } from '../../../src/domain/agent.ts';
import { quote } from '../../../src/domain/errors.ts';
import { workflowView } from '../../../src/presentation/contracts/views.ts';
import { agentRequest, planRequest, started } from '../../domain/samples.ts';

/** Texts of astral characters alone, one of which begins at every place: wherever one is cut, it is inside a character. */
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
      // JSON escapes nothing of a whole character, and half of one.
      const told = [JSON.stringify(workflowView({ ...workflow, agents })), quote(text)];
      assert.ok(told.every((json) => !/\\ud[89a-f]/i.test(json)));
      assert.ok(describeActivity({ type: 'text', text })?.isWellFormed());
    }
  });
});

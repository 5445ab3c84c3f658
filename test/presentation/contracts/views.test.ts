import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeActivity } from '../../../src/application/session/activity-line.ts';
import type { Agent, AgentFailure } from '../../../src/domain/agent.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { quote } from '../../../src/domain/errors.ts';
import { noProof } from '../../../src/domain/verification.ts';
import { agentStatus, agentStatusAnswer } from '../../../src/presentation/contracts/session-answers.ts';
import { agentView, namesOf, workflowView } from '../../../src/presentation/contracts/views.ts';
import { agentRequest, planRequest, started, time } from '../../domain/samples.ts';

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
  const agent: Agent = {
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

  it('names the branch, the commit, the changes and the proof', () => {
    const at = time(1);
    const commit = 'c'.repeat(40);
    const diff = { files: 3, insertions: 40, deletions: 2 };
    const work = { branch: 'maos/s/a', base: 'b'.repeat(40), commit, diff };
    const verify = { commands: ['npm test'], timeoutMs: 1_000, fixRounds: 2, protect: ['test/**'] };
    const report = {
      ...{ check: 2, command: 'npm test', commit, exitCode: 1, signal: null, reason: null },
      ...{ startedAt: at, endedAt: at, logSha256: 'a', logBytes: 9, restored: ['test/a'] },
    };
    const failed = { report, outputTail: 'x'.repeat(1_000) };
    const shown = (given: Partial<typeof agent>) => {
      const around = { session, names: namesOf(agents), liveStatus: null };
      const ofAgent = agentView({ ...agent, ...given }, around);
      const { branch, commit, changes, proof, note } = agentStatus.parse(agentStatusAnswer(ofAgent, 300));
      return { view: ofAgent, told: { branch, commit, changes, proof, note } };
    };
    const proof = { ...noProof, checks: 2, command: 1, round: 1, failed };
    const mending = shown({ state: 'running', stage: 'executing', work, verify, proof });
    assert.deepEqual(mending.told, {
      ...{ branch: 'maos/s/a', commit, changes: '3 files, +40 −2', proof: 'failed' },
      note: 'fixes what npm test found, fix round 1 of 2; not permitted (1): Bash: git push',
    });
    assert.equal(mending.view.proof?.failed?.output_tail.length, 500);
    assert.deepEqual(mending.view.proof?.failed?.restored, ['test/a']);
    assert.deepEqual(mending.view.verify, {
      ...{ commands: ['npm test'], timeout_ms: 1_000, fix_rounds: 2, protect: ['test/**'] },
    });
    const proven = { state: 'completed' as const, verify, proof: { ...proof, failed: null } };
    assert.equal(shown(proven).told.proof, 'passed');
    assert.equal(
      shown({ state: 'completed', work: { ...work, commit: null, diff: null } }).told.proof,
      'none',
    );
    assert.equal(shown({}).told.proof, undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claudeProject, player, type Step, success, turn } from '../../helpers/fake-claude.ts';
import { run } from '../../helpers/real-project.ts';

/** It starts a sub-agent. */
function subagent(task: string): Step {
  const started = { type: 'system', subtype: 'task_started', task_id: task };
  return { line: { ...started, subagent_type: 'general-purpose' } };
}

/** It puts a command into the background. */
const command = { line: { type: 'system', subtype: 'task_started', task_id: 'sh', task_type: 'local_bash' } };

const limits = { stallMs: null, maxOutputBytes: null, afterResultMs: null };
const hour = { ms: 3_600_000 };

describe('sub-agents that a CLI starts by itself', () => {
  it('are counted, and the agent is stopped when they are more than it may have', async (t) => {
    const real = claudeProject(t, { settings: { limits: { ...limits, maxSubagents: 2 } } });
    const many = [turn(5), command, ...['a', 'b', 'c'].map(subagent), hour, success('Too late.')];
    const few = [turn(5), ...['a', 'b'].map(subagent), command, success('Done.')];
    const done = await run(real, [
      player(real.root, 'many', [many]),
      player(real.root, 'few', [few]),
      player(real.root, 'more', [[...many.slice(0, 5), success('Allowed.')]], { max_subagents: 3 }),
      player(real.root, 'none', [[turn(5), subagent('a'), hour]], { max_subagents: 0 }),
    ]);
    assert.deepEqual(
      ['many', 'few', 'more', 'none'].map((name) => [done.agent(name).state, done.agent(name).subagents]),
      [
        ['failed', 3],
        ['completed', 2],
        ['completed', 3],
        ['failed', 1],
      ],
    );
    const { failure } = done.agent('many');
    assert.equal(failure?.kind, 'budget_exceeded');
    assert.match(
      failure?.message ?? '',
      /^It started 3 sub-agents, more than its limit of 2 \(max_subagents,/,
    );
  });

  it('are as many as the CLI says at its end, where it says so', async (t) => {
    const real = claudeProject(t);
    const { line } = success('Done.') as { line: object };
    const last = { line: { ...line, subagent_stats: { spawned: 4 } } };
    const done = await run(real, [player(real.root, 'a', [[turn(5), subagent('x'), last]])]);
    assert.deepEqual([done.agent('a').subagents, done.agent('a').maxSubagents], [4, null]);
  });
});

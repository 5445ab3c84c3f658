import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentRequest } from '../../src/domain/plan.ts';
import { poolProblems } from '../../src/domain/pool.ts';
import { noSetup } from '../../src/domain/worktree.ts';
import { agentRequest } from '../infrastructure/sqlite/samples.ts';

const verify = { commands: ['true'], timeoutMs: 60_000, fixRounds: 0, protect: [] };

function problemsOf(agent: Partial<AgentRequest>): readonly string[] {
  const asked = agentRequest({ pool: 'gpu', workspace: 'own', ...agent });
  return [...poolProblems([asked], ['far'])].map(({ message }) => message);
}

describe('an agent of a pool', () => {
  it('works in a folder of its own, or in a worktree that is checked at home', () => {
    assert.deepEqual(problemsOf({}), []);
    const worktree = { ...noSetup, copy: ['.env'], setup: 'npm ci', ports: 1 };
    assert.deepEqual(problemsOf({ workspace: 'worktree', worktree, verify }), []);
  });

  const refused: [what: string, agent: Partial<AgentRequest>, why: RegExp][] = [
    ['in the folder of the project', { workspace: 'project' }, /choose the workspace "own" or "worktree"/],
    [
      'with links to files of this machine',
      { workspace: 'worktree', worktree: { ...noSetup, link: ['node_modules'] } },
      /cannot link files of this one: bring them with "copy" or "setup"/,
    ],
    ['with a check of a folder that does not come back', { verify }, /give it the workspace "worktree"/],
  ];
  for (const [what, agent, why] of refused) {
    it(`is refused ${what}, with what to do`, () => {
      const problems = problemsOf(agent);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? '', why);
    });
  }
});

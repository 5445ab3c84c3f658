import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OrchestrateRequest } from '../../../src/application/control/plan-request.ts';
import { parseInput } from '../../../src/presentation/contracts/parse-input.ts';
import { planInput } from '../../../src/presentation/contracts/plan-input.ts';

function read(agent: object, plan: object = {}): OrchestrateRequest {
  const agents = [{ role: 'qa', task: 'Do.', ...agent }];
  return parseInput(planInput, { objective: 'See.', agents, ...plan }, 'The plan');
}

function refused(message: RegExp, agent: object, plan: object = {}): void {
  assert.throws(() => read(agent, plan), { code: 'INVALID_INPUT', message });
}

describe('the checks of a plan', () => {
  it('are a line, a list of lines, or an object with one of both, of an agent and of the session', () => {
    const defaults = { timeoutMs: undefined, fixRounds: undefined, protect: undefined };
    for (const [written, meant] of [
      ['npm test', { commands: ['npm test'] }],
      [['npm ci', ' npm test '], { commands: ['npm ci', 'npm test'] }],
      [{ command: 'npm test' }, { commands: ['npm test'], ...defaults }],
      [
        { commands: ['a', 'b'], timeout_minutes: 0.5, fix_rounds: 0, protect: ['test/**'] },
        { commands: ['a', 'b'], timeoutMs: 30_000, fixRounds: 0, protect: ['test/**'] },
      ],
    ] as const) {
      assert.deepEqual(read({ verify: written }).agents?.[0]?.verify, meant);
      assert.deepEqual(read({}, { verify: written }).verify, meant);
    }
  });

  it('have sensible sizes, and the keys that are known', () => {
    const either = /agents\[0\]\.verify must have either 'command' or 'commands'/;
    refused(either, { verify: {} });
    refused(either, { verify: { command: 'a', commands: ['b'] } });
    refused(/agents\[0\]\.verify .*unknown key "fixrounds" \(did you mean "fix_rounds"\?\)/, {
      verify: { command: 'a', fixrounds: 1 },
    });
    refused(/verify\.fix_rounds .*<=20/, { verify: { command: 'a', fix_rounds: 21 } });
    refused(/verify\.timeout_minutes .*>0/, { verify: { command: 'a', timeout_minutes: 0 } });
    refused(/verify\.protect\[0\] must not contain '\.\.'/, { verify: { command: 'a', protect: ['../x'] } });
    refused(/verify/, { verify: [] });
    refused(/verify must not be empty/, { verify: ' ' });
    refused(/verify\[0\] must not contain a NUL/, { verify: ['a\0'] });
    refused(/verify .*<=50/, { verify: Array(51).fill('true') });
  });
});

describe('protected files', () => {
  it('are patterns as of path claims', () => {
    const verify = (protect: string[]) => ({ verify: { command: 'true', protect }, workspace: 'worktree' });
    read(verify(['test/**', '**/*.cfg', 'a b?', '/top']));
    refused(/verify\.protect\[1\] must be a pattern as of path claims/, verify(['test', '{a,b}/**']));
    refused(/verify\.protect\[0\] must not contain '\.\.'/, verify(['../other']));
  });
});

describe('the worktree of an agent', () => {
  it('has everything that a plan says of it', () => {
    const worktree = { copy: ['.env*', '/config/*.json'], link: ['node_modules'], setup: 'npm ci', ports: 2 };
    assert.deepEqual(read({ worktree }).agents?.[0]?.worktree, worktree);
    assert.equal(read({ workspace: 'worktree' }).agents?.[0]?.workspace, 'worktree');
  });

  it('has sensible sizes, stays in the repository, and has the keys that are known', () => {
    refused(/worktree\.ports .*<=20/, { worktree: { ports: 21 } });
    refused(/worktree\.copy\[1\] must not contain '\.\.'/, { worktree: { copy: ['a', 'a/../../b'] } });
    refused(/worktree\.link\[0\] must not contain '\.\.'/, { worktree: { link: ['..'] } });
    refused(/worktree has an unknown key "port" \(did you mean "ports"\?\)/, { worktree: { port: 1 } });
    read({ worktree: { copy: ['a..b', '..c/d'] } });
  });
});

describe('what a plan lands', () => {
  it("is 'manual' or 'auto', and never another session's work", () => {
    assert.equal(read({}, { land: 'auto' }).land, 'auto');
    assert.equal(read({}, { land: 'manual' }).land, 'manual');
    refused(/land .*"manual"\|"auto"/, {}, { land: 'yes' });
    refused(/agents\[0\] has an unknown key "lands"/, { lands: { sessionId: 'x', agentId: 'y' } });
    refused(/an unknown key "landing"/, {}, { landing: {} });
    refused(/an unknown key "repository"/, {}, { repository: {} });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentRequest, makePlan, maxAgentsPerSession, type PlanRequest } from '../../src/domain/plan.ts';
import { isSessionCheck } from '../../src/domain/session-check.ts';
import { type VerifyRules, verifyDefaults } from '../../src/domain/verification.ts';
import { noSetup } from '../../src/domain/worktree.ts';
import { agentRequest, created, planRequest, requestOf, thrownBy } from './samples.ts';

const check: VerifyRules = { ...verifyDefaults, commands: ['npm test'] };
const protecting: VerifyRules = { ...check, protect: ['test/**'] };

const inWorktree = (name: string, more: Partial<AgentRequest> = {}): AgentRequest =>
  agentRequest({ name, workspace: 'worktree', ...more });

function refusal(agents: readonly AgentRequest[], more: Partial<PlanRequest> = {}): string {
  return thrownBy('INVALID_PLAN', () => makePlan(planRequest(agents, more))).message;
}

describe('an agent in a worktree', () => {
  it('must have a name that can name a branch; others need not', () => {
    for (const name of ['landed', 'a.lock', 'a.', 'a..b']) {
      assert.match(
        refusal([inWorktree(name)]),
        new RegExp(`^Agent name "${name}" cannot name the branch of its worktree: .+\\. Give the agent`),
      );
      makePlan(planRequest([agentRequest({ name })]));
    }
    makePlan(planRequest([inWorktree('a.b-c_1'), inWorktree('lock')]));
  });

  it('must have a name that differs from those of others by more than case, because refs are files', () => {
    assert.match(
      refusal([inWorktree('api'), inWorktree('API')]),
      /^The branches of agents "api" and "API" differ/,
    );
    makePlan(planRequest([inWorktree('api'), agentRequest({ name: 'API' })]));
  });

  it('is the only one with a setup of a worktree', () => {
    assert.equal(
      refusal([agentRequest({ name: 'a', workspace: 'own', worktree: { ...noSetup, ports: 1 } })]),
      'Agent "a" has "worktree" and the workspace "own": remove one of them, or choose the workspace "worktree".',
    );
  });

  it('is the only one whose check can protect files; without git, a check alone is fine', () => {
    assert.match(
      refusal([agentRequest({ name: 'a', verify: protecting })]),
      /^The check of agent "a" protects files, which needs git: give the agent "workspace": "worktree"/,
    );
    for (const agent of [agentRequest({ verify: check }), inWorktree('a', { verify: protecting })]) {
      assert.deepEqual(makePlan(planRequest([agent])).agents[0]?.verify, agent.verify);
    }
  });

  it('is needed to land work, and for a check of the session that protects files', () => {
    assert.match(
      refusal([agentRequest()], { land: 'auto' }),
      /^The plan lands its work, and no agent works in a/,
    );
    assert.match(refusal([agentRequest()], { verify: protecting }), /^The session's check protects files/);
    makePlan(planRequest([inWorktree('a'), agentRequest()], { land: 'auto', verify: protecting }));
  });
});

describe('the check of a session', () => {
  const graph = { a: [], b: ['a'], c: [] };

  it('is a last agent, after all others, whatever the strategy', () => {
    for (const [strategy, phase] of [
      ['parallel', 2],
      ['sequential', 3],
      ['pipeline', 3],
    ] as const) {
      const { agents } = makePlan(requestOf(graph, { strategy, verify: check }));
      const last = agents.at(-1);
      assert.deepEqual([last?.name, last?.phase, last?.dependsOn], ['verify', phase, [0, 1, 2]], strategy);
      const { next } = created(requestOf(graph, { strategy, verify: check }));
      assert.equal(next.phases.length, phase + 1);
      assert.deepEqual(next.session.verify, check);
      assert.deepEqual(
        next.agents.map((agent) => isSessionCheck(next.session, agent)),
        [false, false, false, true],
      );
    }
  });

  it('is none where work lands by itself, because each commit that lands is checked', () => {
    const { next } = created(planRequest([inWorktree('verify')], { verify: check, land: 'auto' }));
    assert.deepEqual(
      next.agents.map((agent) => [agent.name, isSessionCheck(next.session, agent)]),
      [['verify', false]],
    );
  });

  it('runs a program that does nothing, has no fix rounds, and as much memory as the largest of the others', () => {
    const agents = [
      inWorktree('a', { maxMemoryMb: 8192 }),
      agentRequest({ roleName: 'tester', maxMemoryMb: 512 }),
    ];
    const last = makePlan(planRequest(agents, { verify: check })).agents.at(-1);
    assert.deepEqual(
      [last?.role.name, last?.instance, last?.backend, last?.command, last?.workspace, last?.maxMemoryMb],
      ['tester', 'tester_2', 'command', ['true'], 'worktree', 8192],
    );
    assert.deepEqual(last?.verify, { ...check, fixRounds: 0 });
    const elsewhere = makePlan(planRequest([agentRequest({ workspace: 'own' })], { verify: check }));
    assert.equal(elsewhere.agents.at(-1)?.workspace, 'project');
  });

  it('is none of the agents that a plan may have', () => {
    const agents = Array.from({ length: maxAgentsPerSession }, () => agentRequest());
    assert.equal(makePlan(planRequest(agents, { verify: check })).agents.length, maxAgentsPerSession + 1);
    assert.match(refusal([...agents, agentRequest()]), /^The plan has 501 agents/);
  });

  it('takes its name, which is free without it, and cannot be depended on', () => {
    assert.equal(
      refusal([agentRequest({ name: 'a' }), agentRequest({ name: 'verify' })], { verify: check }),
      `Agent 2 is named "verify", which is the name of the session's check ("verify" of the plan): give the agent another name.`,
    );
    const { session, agents } = created(planRequest([agentRequest({ name: 'verify' })])).next;
    assert.deepEqual([agents.length, isSessionCheck(session, { name: 'verify' })], [1, false]);
    assert.match(
      refusal([agentRequest({ name: 'a', dependsOn: ['verify'] })], { verify: check }),
      /depends on "verify", which is not in this plan/,
    );
  });

  it('is nothing without agents', () => {
    assert.match(refusal([], { verify: check }), /^The plan has no agents/);
  });
});

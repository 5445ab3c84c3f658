import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Agent, inFixRound, moveAgent } from '../../src/domain/agent.ts';
import { makeSessionId } from '../../src/domain/ids.ts';
import { beginLanding, landingPlan, landingScope, whyNotLanded } from '../../src/domain/landing.ts';
import { makePlan, type PlanRequest } from '../../src/domain/plan.ts';
import { usageNow } from '../../src/domain/running-agents.ts';
import type { Session } from '../../src/domain/session.ts';
import { noUsage } from '../../src/domain/usage.ts';
import type { VerifyRules } from '../../src/domain/verification.ts';
import { createWorkflow, type Workflow } from '../../src/domain/workflow.ts';
import { agentRequest, planRequest, sessionId, time } from './samples.ts';

const rules = (command: string, given: Partial<VerifyRules> = {}): VerifyRules => ({
  ...{ commands: [command], timeoutMs: 1_000, fixRounds: 1, protect: [] },
  ...given,
});

/** An ended session whose agents completed with a commit each. */
function ended(
  graph: Readonly<Record<string, readonly string[]>>,
  given: {
    readonly agents?: Readonly<Record<string, Partial<Agent>>>;
    readonly request?: Partial<PlanRequest>;
  } = {},
): Workflow {
  const agents = Object.entries(graph).map(([name, dependsOn]) =>
    agentRequest({ name, dependsOn, workspace: 'worktree' }),
  );
  const plan = makePlan(
    planRequest(agents, { repository: { commit: 'c0', branch: 'main' }, ...given.request }),
  );
  const suffixes = plan.agents.map((_, index) => index.toString(36).padStart(6, '0'));
  const { next } = createWorkflow(plan, { sessionId, suffixes }, time(0));
  return {
    ...next,
    session: { ...next.session, state: 'completed' },
    agents: next.agents.map((agent) => ({
      ...agent,
      state: 'completed',
      conversation: `conversation of ${agent.name}`,
      work: {
        ...{ branch: `maos/${sessionId}/${agent.name}`, base: 'c0', commit: `work of ${agent.name}` },
        diff: { files: 1, insertions: 1, deletions: 0 },
      },
      ...given.agents?.[agent.name],
    })),
  };
}

const choice = { target: 'main', squash: false, merger: null, origin: { depth: 0, parent: null } };

function landing(workflow: Workflow, merger: string | null = null): Workflow {
  const scope = landingScope(workflow, new Set());
  const plan = landingPlan(workflow, scope, { ...choice, merger });
  const ids = {
    sessionId: makeSessionId('01K0ZZZZZZZZZZZZZZZZZZZZZZ'),
    suffixes: plan.agents.map((_, index) => `l${index}`.padStart(6, '0')),
  };
  return beginLanding(createWorkflow(plan, ids, time(9)), scope).next;
}

describe('what a landing takes', () => {
  it('lands an agent after all that it depends on, also when the plan lists it first', () => {
    const { owners } = landingScope(ended({ b: ['a'], a: [], c: ['b'] }), new Set());
    assert.deepEqual(
      owners.map(({ name }) => name),
      ['a', 'b', 'c'],
    );
  });

  it('says what it leaves out: unfinished, unchanged and landed work', () => {
    const none = { files: 0, insertions: 0, deletions: 0 };
    const workflow = ended(
      { failed: [], idle: [], same: [], done: [], rest: [] },
      {
        agents: {
          failed: { state: 'failed' },
          idle: { work: { branch: 'b', base: 'c0', commit: 'c1', diff: none } },
          same: { work: { branch: 'b', base: 'c0', commit: 'c0', diff: null } },
        },
      },
    );
    const done = workflow.agents.find(({ name }) => name === 'done') as Agent;
    const { owners, skipped } = landingScope(workflow, new Set([done.id]));
    assert.deepEqual(
      owners.map(({ name }) => name),
      ['rest'],
    );
    assert.deepEqual(
      skipped.map(({ name, reason }) => [name, reason]),
      [
        ['failed', 'the agent did not complete: failed'],
        ['idle', 'no changes'],
        ['same', 'no changes'],
        ['done', 'landed already'],
      ],
    );
  });

  it('leaves out agents without a worktree and the check of the whole session', () => {
    const workflow = ended(
      { a: [], b: [] },
      { agents: { b: { workspace: 'project' } }, request: { verify: rules('make') } },
    );
    assert.ok(workflow.agents.some(({ name }) => name === 'verify'));
    const { owners, skipped } = landingScope(workflow, new Set());
    assert.deepEqual([owners.map(({ name }) => name), skipped], [['a'], []]);
  });
});

describe('a landing session', () => {
  it('lands one agent at a time, on what its owner ran on and in the same conversation', () => {
    const workflow = ended({ a: [], b: ['a'] });
    const { session, agents } = landing(workflow);
    const [owner] = workflow.agents;
    assert.deepEqual(session.landing, { sessionId, target: 'main', squash: false });
    assert.equal(session.objective, `Land onto main: ${workflow.session.objective}`);
    assert.equal(session.limits.maxConcurrency, 1);
    assert.deepEqual(
      agents.map(({ name, lands, conversation, dependsOn }) => ({ name, lands, conversation, dependsOn })),
      [
        {
          ...{ name: 'a', conversation: 'conversation of a', dependsOn: [] },
          lands: { sessionId, agentId: owner?.id },
        },
        {
          ...{ name: 'b', conversation: 'conversation of b', dependsOn: [agents[0]?.id] },
          lands: { sessionId, agentId: workflow.agents[1]?.id },
        },
      ],
    );
  });

  it('counts only what its agents use, not again what the conversations had used before', () => {
    const usage = (inputTokens: number) => ({
      ...noUsage,
      inputTokens,
      turns: 1,
      costUsd: inputTokens / 100,
    });
    const workflow = ended({ a: [] }, { agents: { a: { usage: usage(300) } } });
    const [agent = assert.fail()] = landing(workflow).agents;
    const running = { ...moveAgent(agent, 'running', time(10)), stage: 'verifying' as const };
    const first = usageNow(running, usage(500), 'conversation of a');
    assert.deepEqual(first, usage(200));
    const again = inFixRound({ ...running, usage: first }, 1, time(11));
    assert.deepEqual(usageNow(again, usage(600), 'conversation of a'), { ...usage(300), turns: 2 });
    assert.deepEqual(usageNow(again, usage(100), 'conversation of a'), { ...usage(300), turns: 2 });
    assert.deepEqual(usageNow({ ...running, resumed: null }, usage(500), 'another'), usage(500));
  });

  it('waits for the work that an agent depends on through others that have none', () => {
    const workflow = ended(
      { a: [], idle: ['a'], b: ['idle'] },
      { agents: { idle: { workspace: 'project' } } },
    );
    const [a, b] = landing(workflow).agents;
    assert.deepEqual([b?.name, b?.dependsOn], ['b', [a?.id]]);
  });

  it('checks with the commands of the owner and of the session, and adds no check of its own', () => {
    const own = rules('npm test', { protect: ['test/**'], fixRounds: 3 });
    const workflow = ended(
      { a: [], b: [] },
      {
        agents: { a: { verify: own } },
        request: { verify: rules('make', { timeoutMs: 5_000, protect: ['Makefile'] }) },
      },
    );
    const { agents } = landing(workflow);
    assert.deepEqual(
      agents.map(({ name, verify }) => [name, verify]),
      [
        [
          'a',
          {
            commands: ['npm test', 'make'],
            timeoutMs: 5_000,
            fixRounds: 3,
            protect: ['test/**', 'Makefile'],
          },
        ],
        ['b', rules('make', { timeoutMs: 5_000, protect: ['Makefile'] })],
      ],
    );
  });

  it('gives conflicts to a merger without the conversation of the owner, if asked', () => {
    const [agent] = landing(ended({ a: [] }), 'codex').agents;
    assert.deepEqual(
      [agent?.role.name, agent?.backend, agent?.model, agent?.conversation],
      ['merger', 'codex', null, null],
    );
  });
});

describe('a session that cannot be landed', () => {
  const { session } = ended({ a: [] });
  const cases: readonly (readonly [Partial<Session>, RegExp | null])[] = [
    [{}, null],
    [{ state: 'failed' }, null],
    [{ state: 'running' }, /it is running\. Wait until it has ended/],
    [{ repository: null }, /none of its agents works in a worktree/],
    [{ landing: { sessionId, target: 'main', squash: false } }, /it lands the work of another/],
  ];
  for (const [given, expected] of cases) {
    it(`says why: ${JSON.stringify(given)}`, () => {
      const why = whyNotLanded({ ...session, ...given });
      if (expected === null) assert.equal(why, null);
      else assert.match(why ?? '', expected);
    });
  }
});

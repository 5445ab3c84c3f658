import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quote } from '../../src/domain/errors.ts';
import {
  type AgentRequest,
  agentsOf,
  makePlan,
  maxAgentsPerSession,
  type PlanRequest,
} from '../../src/domain/plan.ts';
import { agentRequest, planRequest, requestOf, sessionId, thrownBy } from './samples.ts';

function namesOf(...agents: readonly AgentRequest[]): readonly string[] {
  return makePlan(planRequest(agents)).agents.map(({ name }) => name);
}

function dependenciesOf(request: PlanRequest): readonly (readonly number[])[] {
  return makePlan(request).agents.map(({ dependsOn }) => dependsOn);
}

function refusal(request: PlanRequest): {
  readonly message: string;
  readonly details: Record<string, unknown>;
} {
  const { message, details } = thrownBy('INVALID_PLAN', () => makePlan(request));
  return { message, details };
}

function many(count: number, given: Partial<Omit<PlanRequest, 'agents'>> = {}): PlanRequest {
  return planRequest(
    Array.from({ length: count }, () => agentRequest()),
    given,
  );
}

describe('the names of agents', () => {
  const unnamed = (roleName: string, instanceSuffix: string | null = null) =>
    agentRequest({ roleName, instanceSuffix });

  it('are the role where it is the only one', () => {
    assert.deepEqual(namesOf(unnamed('qa'), unnamed('pm')), ['qa', 'pm']);
  });

  it('are numbered from 1 where a role is repeated', () => {
    assert.deepEqual(namesOf(unnamed('qa'), unnamed('pm'), unnamed('qa'), unnamed('qa')), [
      'qa_1',
      'pm',
      'qa_2',
      'qa_3',
    ]);
  });

  it('carry the instance suffix where there is one, numbered only when that is repeated', () => {
    assert.deepEqual(namesOf(unnamed('qa', 'web'), unnamed('qa'), unnamed('qa', 'api')), [
      'qa_web',
      'qa',
      'qa_api',
    ]);
    assert.deepEqual(namesOf(unnamed('qa', 'web'), unnamed('qa', 'web')), ['qa_web_1', 'qa_web_2']);
  });

  it("are the caller's where given, which do not count as repeats of the role", () => {
    assert.deepEqual(namesOf(agentRequest({ name: 'checker', instanceSuffix: 'web' }), unnamed('qa')), [
      'checker',
      'qa',
    ]);
  });

  it('may be of any allowed shape', () => {
    const names = ['a', '9', 'A.b-c_d', 'a'.repeat(64), 'constructor', 'hasOwnProperty', 'a..b'];
    assert.deepEqual(namesOf(...names.map((name) => agentRequest({ name }))), names);
  });

  const bad = [
    '',
    ' ',
    '.',
    '..',
    '.hidden',
    '-rf',
    '_x',
    '../x',
    'a/b',
    'a\\b',
    'a b',
    'a\0',
    'a\n',
    'a\u2028',
    'é',
    'а',
    '__proto__',
    'a'.repeat(65),
    'a'.repeat(1_000_000),
  ];
  for (const name of bad) {
    it(`are not ${JSON.stringify(name.slice(0, 66))}`, () => {
      const { message, details } = refusal(planRequest([agentRequest(), agentRequest({ name })]));
      assert.ok(message.startsWith(`Agent name ${quote(name)} `));
      assert.match(message, /is not valid: use 1 to 64 letters, digits, '_', '\.' or '-'/);
      assert.ok(message.length < 300);
      assert.deepEqual(details, { agent: 1, name: name.slice(0, 200) });
    });
  }

  it('are checked when made of role and suffix, too', () => {
    const { message } = refusal(planRequest([unnamed('qa', '../../etc')]));
    assert.match(message, /"qa_\.\.\/\.\.\/etc" is not valid/);
  });

  it('are unique', () => {
    const { message, details } = refusal(
      planRequest([agentRequest({ name: 'x' }), agentRequest({ name: 'y' }), agentRequest({ name: 'x' })]),
    );
    assert.equal(message, 'Agents 1 and 3 are both named "x": give one of them another name.');
    assert.deepEqual(details, { name: 'x', agents: [0, 2] });
  });

  it('are unique when one is given and the other made', () => {
    assert.match(
      refusal(planRequest([agentRequest({ name: 'qa' }), unnamed('qa')])).message,
      /Agents 1 and 2 .*"qa"/,
    );
    const numbered = planRequest([unnamed('qa'), unnamed('qa'), agentRequest({ name: 'qa_2' })]);
    assert.match(refusal(numbered).message, /Agents 2 and 3 .*"qa_2"/);
  });
});

describe('the model of an agent', () => {
  const models = (model: string) => planRequest([agentRequest({ name: 'a', model })]);

  it('is any name that providers give', () => {
    for (const model of [
      'opus[1m]',
      'us.anthropic.claude-x-v1:0',
      '@cf/meta/llama',
      'arn:aws:bedrock:eu:1:x/y',
    ])
      assert.equal(makePlan(models(model)).request.agents[0]?.model, model);
  });

  for (const model of [
    '-p',
    '--dangerously-skip-permissions',
    '--settings=/x',
    'a b',
    'a\nb',
    'a\u0007',
    '',
    'a'.repeat(201),
  ]) {
    it(`is not ${JSON.stringify(model.slice(0, 40))}: it becomes a word of a command line`, () => {
      const { message, details } = refusal(models(model));
      assert.match(
        message,
        /^The model of agent 'a' is ".*"; it must be a model's name: .* not beginning with '-'\.$/,
      );
      assert.deepEqual(details, { agent: 0, model });
    });
  }
});

describe('the number of agents', () => {
  it('is at least one', () => {
    const { message, details } = refusal(many(0));
    assert.equal(message, 'The plan has no agents: add at least one {role, task}.');
    assert.deepEqual(details, { agents: 0 });
  });

  it('is at most 500', () => {
    assert.equal(maxAgentsPerSession, 500);
    assert.equal(makePlan(many(500, { strategy: 'sequential' })).agents.length, 500);
    const { message, details } = refusal(many(501));
    assert.equal(message, 'The plan has 501 agents; a session can have at most 500.');
    assert.deepEqual(details, { agents: 501, limit: 500 });
  });
});

describe('dependencies', () => {
  it('become indexes and phases', () => {
    const plan = makePlan(
      requestOf({ test: ['build'], build: ['design', 'data'], design: [], data: ['design'] }),
    );
    assert.deepEqual(
      plan.agents.map(({ dependsOn }) => dependsOn),
      [[1], [2, 3], [], [2]],
    );
    assert.deepEqual(
      plan.agents.map(({ phase }) => phase),
      [3, 2, 0, 1],
    );
  });

  it('may name default names', () => {
    const agents = [
      agentRequest(),
      agentRequest(),
      agentRequest({ roleName: 'pm', dependsOn: ['qa_2', 'qa_1'] }),
    ];
    assert.deepEqual(dependenciesOf(planRequest(agents)), [[], [], [0, 1]]);
  });

  it('may use an alias, which yields to an agent of that name', () => {
    const aliases = { architect: 'solution_architect' };
    const architect = agentRequest({ roleName: 'solution_architect' });
    const builder = agentRequest({ name: 'builder', dependsOn: ['architect'] });
    assert.deepEqual(dependenciesOf(planRequest([architect, builder], { aliases })), [[], [0]]);
    const other = agentRequest({ name: 'architect' });
    assert.deepEqual(dependenciesOf(planRequest([architect, builder, other], { aliases })), [[], [2], []]);
  });

  it('are counted once when named twice, by name and by alias', () => {
    const aliases = { first: 'a' };
    assert.deepEqual(dependenciesOf(requestOf({ a: [], b: ['a', 'first', 'a'] }, { aliases })), [[], [0]]);
  });

  it('must name an agent of the plan', () => {
    const { message, details } = refusal(requestOf({ a: [], b: ['c'] }));
    assert.equal(message, 'Agent "b" depends on "c", which is not in this plan. Agents: a.');
    assert.deepEqual(details, { agent: 'b', reference: 'c', known: ['a'] });
    assert.match(
      refusal(requestOf({ a: ['A'] })).message,
      /"A", which is not in this plan. The plan has no other agent\./,
    );
  });

  it('do not find members of objects, nor an alias of nobody', () => {
    for (const reference of ['constructor', '__proto__', 'toString', '']) {
      assert.match(refusal(requestOf({ a: [reference] })).message, /is not in this plan/);
    }
    assert.match(
      refusal(requestOf({ a: ['x'] }, { aliases: { x: 'y' } })).message,
      /"x", which is not in this plan/,
    );
  });

  it('are refused shortly, however long the reference and the list of agents', () => {
    const agents = [
      agentRequest({ name: 'z', dependsOn: ['\n'.repeat(100_000)] }),
      ...Array.from({ length: 499 }, (_, index) => agentRequest({ name: `${'n'.repeat(60)}${index}` })),
    ];
    const { message, details } = refusal(planRequest(agents));
    assert.ok(message.length + JSON.stringify(details).length < 5000);
    assert.doesNotMatch(message, /\n/);
  });

  it('must not name the agent itself', () => {
    const { message, details } = refusal(requestOf({ a: [], b: ['a', 'b'] }));
    assert.equal(message, 'Agent "b" depends on itself: remove "b" from its depends_on.');
    assert.deepEqual(details, { agent: 'b' });
    const aliased = refusal(requestOf({ a: ['me'] }, { aliases: { me: 'a' } }));
    assert.equal(aliased.message, 'Agent "a" depends on itself: remove "me" from its depends_on.');
  });
});

describe('a cycle', () => {
  it('is refused with its path', () => {
    const { message, details } = refusal(requestOf({ x: [], a: ['c', 'x'], b: ['a'], c: ['b'] }));
    assert.equal(
      message,
      'The plan has a cycle: a needs c needs b needs a. Remove one of these dependencies.',
    );
    assert.deepEqual(details, { cycle: ['a', 'c', 'b', 'a'] });
  });

  it("may come of the chain of 'sequential' and an edge back", () => {
    const { message, details } = refusal(requestOf({ a: ['c'], b: [], c: [] }, { strategy: 'sequential' }));
    assert.equal(
      message,
      "The plan has a cycle: a needs c needs b needs a. Remove one of these dependencies (the strategy 'sequential' adds its own).",
    );
    assert.deepEqual(details, { cycle: ['a', 'c', 'b', 'a'] });
    assert.doesNotThrow(() => makePlan(requestOf({ a: [], b: [], c: ['a'] }, { strategy: 'sequential' })));
  });

  it("may come of the stages of 'pipeline' and an edge back", () => {
    const agents = [
      agentRequest({ name: 'a', stage: 1, dependsOn: ['b'] }),
      agentRequest({ name: 'b', stage: 2 }),
    ];
    assert.match(
      refusal(planRequest(agents, { strategy: 'pipeline' })).message,
      /a needs b needs a\. .*'pipeline' adds its own/,
    );
    assert.doesNotThrow(() => makePlan(planRequest(agents, { strategy: 'parallel' })));
  });

  it('is refused shortly, however long it is', () => {
    const names = Array.from({ length: 500 }, (_, index) => `${'n'.repeat(60)}${index}`);
    const graph = Object.fromEntries(names.map((name, index) => [name, [names.at(index - 1) as string]]));
    const { message, details } = refusal(requestOf(graph));
    assert.ok(message.length < 2000, `${message.length} characters`);
    assert.match(message, /n0 needs n+499 needs .* needs … \(\d+ more\) needs .* needs n+0\. Remove one/);
    assert.equal((details.cycle as string[]).length, 501);
  });
});

describe('stages', () => {
  const staged = (stage: number | null) => agentRequest({ stage });
  const phases = (
    strategy: PlanRequest['strategy'],
    ...stages: readonly (number | null)[]
  ): readonly number[] =>
    makePlan(planRequest(stages.map(staged), { strategy })).agents.map(({ phase }) => phase);

  it('are one each, in order, when none is given', () => {
    assert.deepEqual(phases('pipeline', null, null, null), [0, 1, 2]);
  });

  it('become phases without gaps, in the order of their numbers', () => {
    assert.deepEqual(phases('pipeline', 1, 1, 2), [0, 0, 1]);
    assert.deepEqual(phases('pipeline', 20, -5, 20, 3), [2, 0, 2, 1]);
  });

  it('matter to a pipeline only', () => {
    assert.deepEqual(phases('parallel', 1, 2, 3), [0, 0, 0]);
    assert.deepEqual(phases('sequential', 3, 2, 1), [0, 1, 2]);
  });
});

describe('agentsOf', () => {
  const role = { name: 'wizard', custom: { description: 'Knows spells.', responsibilities: ['Cast them'] } };
  const budget = { maxTokens: null, maxCostUsd: 2, maxTurns: 7, maxWallMs: null };
  const agents = [
    agentRequest({ roleName: 'qa' }),
    agentRequest({ role, name: 'merlin', budget, dependsOn: ['qa_1', 'qa_2_web'] }),
    agentRequest({ roleName: 'qa' }),
    agentRequest({ roleName: 'qa', instanceSuffix: '2_web', command: ['true'], backend: 'command' }),
  ];
  const made = agentsOf(makePlan(planRequest(agents)), sessionId, ['aaaaaa', 'bbbbbb', 'cccccc', 'dddddd']);

  it('counts ordinals by role and makes ids and instances of them', () => {
    assert.deepEqual(
      made.map(({ id, name, ordinal, instance }) => ({ id, name, ordinal, instance })),
      [
        { id: 'agent_qa_1_aaaaaa', name: 'qa_1', ordinal: 1, instance: 'qa_1' },
        { id: 'agent_wizard_1_bbbbbb', name: 'merlin', ordinal: 1, instance: 'wizard_1' },
        { id: 'agent_qa_2_cccccc', name: 'qa_2', ordinal: 2, instance: 'qa_2' },
        { id: 'agent_qa_3_dddddd', name: 'qa_2_web', ordinal: 3, instance: 'qa_2_web' },
      ],
    );
  });

  it('turns dependencies into ids and takes everything else over', () => {
    assert.deepEqual(made[1], {
      id: 'agent_wizard_1_bbbbbb',
      sessionId,
      name: 'merlin',
      role,
      ordinal: 1,
      instance: 'wizard_1',
      task: 'Do it.',
      backend: 'claude',
      backends: null,
      command: null,
      stdin: null,
      model: null,
      workspace: 'project',
      worktree: null,
      verify: null,
      lands: null,
      timeoutMs: 60_000,
      maxMemoryMb: 1024,
      maxSubagents: null,
      pool: null,
      rerunOnLost: null,
      budget,
      phase: 1,
      dependsOn: ['agent_qa_1_aaaaaa', 'agent_qa_3_dddddd'],
      state: 'pending',
      stage: null,
      attempt: 0,
      failure: null,
      result: null,
      lingering: null,
      denials: null,
      subagents: 0,
      usage: null,
      usageBefore: null,
      carried: null,
      resumed: null,
      conversation: null,
      where: null,
      notBefore: null,
      postponed: 0,
      reruns: null,
      startedAt: null,
      endedAt: null,
      inactiveMs: 0,
      work: null,
      proof: null,
    });
    assert.deepEqual([made[3]?.backend, made[3]?.command], ['command', ['true']]);
  });

  it('refuses random parts that do not make an id', () => {
    const plan = makePlan(requestOf({ a: [] }));
    for (const suffix of ['', 'ABCDEF', '../../', 'abcdefg']) {
      thrownBy('INVALID_INPUT', () => agentsOf(plan, sessionId, [suffix]));
    }
  });
});

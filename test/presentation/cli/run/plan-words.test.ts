import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import {
  agentsFromOptions,
  isPlanFile,
  objectiveOf,
  withOptions,
} from '../../../../src/presentation/cli/run/plan-words.ts';
import { OptionValues } from '../../../../src/presentation/cli/shell/option-values.ts';

function options(given: Readonly<Record<string, unknown>>): OptionValues {
  return new OptionValues(new Map(Object.entries(given)));
}

function list(option: string, ...values: readonly [place: number, value: string][]) {
  return { [option]: values.map(([place, value]) => ({ option, value, place })) };
}

describe('agents on the command line', () => {
  it('keep the order they were written in, of both kinds', () => {
    const agents = agentsFromOptions(
      options({
        ...list('agent', [1, 'architect=Design it: a=b'], [3, 'api: engineer = Build it']),
        ...list('exec', [2, 'tests= npm test -- --grep "a=b" ']),
      }),
    );
    assert.deepEqual(agents, [
      { role: 'architect', task: 'Design it: a=b' },
      {
        name: 'tests',
        role: 'command',
        task: 'Run: npm test -- --grep "a=b"',
        command: 'npm test -- --grep "a=b"',
      },
      { name: 'api', role: 'engineer', task: 'Build it' },
    ]);
  });

  it('can name the backend and its model', () => {
    const written = ['qa@codex=t', 'a:qa@opencode/zai/glm-5=mail x@y', 'qa=mail a@b/c'];
    const words = written.map((value, index): [number, string] => [index, value]);
    assert.deepEqual(agentsFromOptions(options(list('agent', ...words))), [
      { role: 'qa', task: 't', backend: 'codex' },
      { name: 'a', role: 'qa', task: 'mail x@y', backend: 'opencode', model: 'zai/glm-5' },
      { role: 'qa', task: 'mail a@b/c' },
    ]);
  });

  for (const [option, value, name] of [
    ['agent', 'a b:tester=x', 'a b'],
    ['exec', 'a b=echo hi', 'a b'],
    ['exec', '日本=true', '日本'],
  ] as const) {
    it(`refuse the name in --${option} ${value}, and say which letters a name may have`, () => {
      assert.throws(() => agentsFromOptions(options(list(option, [0, value]))), {
        message: new RegExp(`^--${option}: "${name}" cannot name an agent\\. .* letters a to z and A to Z`),
      });
    });
  }

  for (const [option, value] of [
    ['agent', 'qa@=t'],
    ['agent', 'qa@codex/=t'],
    ['agent', 'tester'],
    ['agent', '=task'],
    ['agent', 'tester='],
    ['agent', 'name:=x'],
    ['exec', 'echo hi'],
    ['exec', '=echo hi'],
    ['exec', 'name='],
  ] as const) {
    it(`refuse --${option} ${JSON.stringify(value)}, showing how to write it`, () => {
      assert.throws(
        () => agentsFromOptions(options(list(option, [1, value]))),
        (error) => isMaosError(error, 'INVALID_INPUT') && /write '.*=/.test(error.message),
      );
    });
  }

  it('give the objective where none is given', () => {
    assert.equal(objectiveOf([{ role: 'qa', task: 'Test it.' }]), 'Test it.');
    const two = [
      { role: 'qa', task: 'Test it.' },
      { role: 'pm', name: 'boss', task: 'Plan it.' },
    ];
    assert.equal(objectiveOf(two), 'qa: Test it.; boss: Plan it.');
  });
});

describe('options over a plan', () => {
  const plan = {
    objective: 'x',
    strategy: 'parallel',
    onExit: 'stop',
    limits: { maxAgentsPerRole: 2 },
    budget: {},
    agents: [
      { role: 'qa', task: 't', model: 'own' },
      { role: 'qa', task: 't' },
      { role: 'qa', task: 't', command: ['ls'] },
    ],
  } as const;

  it('leave alone what they do not name', () => {
    const request = JSON.parse(JSON.stringify(withOptions(plan, options({}))));
    assert.deepEqual(request, JSON.parse(JSON.stringify(plan)));
  });

  it('win over the plan, but not over its agents', () => {
    const request = withOptions(
      plan,
      options({
        strategy: 'sequential',
        model: 'm',
        backend: 'codex',
        fallback: 'claude, gemini',
        'timeout-minutes': 2,
        'max-concurrency': 3,
        detach: true,
      }),
    );
    assert.equal(request.strategy, 'sequential');
    assert.equal(request.onExit, 'keep');
    assert.deepEqual(request.limits, { maxAgentsPerRole: 2, maxConcurrency: 3 });
    assert.deepEqual(
      request.agents?.map(({ model, timeoutMs }) => [model, timeoutMs]),
      [
        ['own', 120_000],
        ['m', 120_000],
        [undefined, 120_000],
      ],
    );
    assert.deepEqual(
      request.agents?.map(({ backend, fallback }) => [backend, fallback]),
      [
        ['codex', ['claude', 'gemini']],
        ['codex', ['claude', 'gemini']],
        [undefined, undefined],
      ],
    );
  });
});

describe('options for worktrees, checks and landing', () => {
  const given = options({ worktree: true, land: true, ...list('verify', [1, ' npm ci '], [2, 'npm test']) });

  it('fill what agents leave open', () => {
    const agents = [
      { role: 'qa', task: 't' },
      { role: 'qa', task: 't', worktree: { ports: 1 }, verify: { commands: ['true'] } },
      { role: 'qa', task: 't', workspace: 'own' },
    ] as const;
    const request = withOptions({ objective: 'x', agents, land: 'manual' }, given);
    assert.equal(request.land, 'auto');
    const commands = ['npm ci', 'npm test'];
    assert.deepEqual(
      request.agents?.map(({ workspace, verify }) => [workspace, verify?.commands]),
      [
        ['worktree', commands],
        [undefined, ['true']],
        ['own', commands],
      ],
    );
    assert.equal(withOptions({ objective: 'x', land: 'manual' }, options({})).land, 'manual');
  });

  it('refuse a check of nothing', () => {
    assert.throws(() => withOptions({ objective: 'x' }, options(list('verify', [1, ' ']))), {
      code: 'INVALID_INPUT',
      message: `--verify "" is not valid: write a shell line, such as --verify 'npm test'.`,
    });
  });
});

describe('budget options', () => {
  const plan = { objective: 'x', agents: [], budget: { maxTokens: 5, maxTurns: 7 } };

  it('win over the plan, cap by cap', () => {
    const given = options({ 'max-tokens': 9, 'max-cost': 1.5, 'max-minutes': 2 });
    assert.deepEqual(withOptions(plan, given).budget, {
      maxTokens: 9,
      maxCostUsd: 1.5,
      maxTurns: 7,
      maxWallMs: 120_000,
    });
    assert.deepEqual(withOptions({ objective: 'x' }, options({ 'max-turns': 3 })).budget, { maxTurns: 3 });
  });

  it('leave the plan its own', () => {
    assert.deepEqual(withOptions(plan, options({})).budget, plan.budget);
    assert.deepEqual(withOptions({ objective: 'x' }, options({})).budget, {});
  });
});

describe('what names a file', () => {
  for (const [word, file] of [
    ['-', true],
    ['plan.json', true],
    ['a/b.json', true],
    ['Write plan.json now', false],
    ['Fix it', false],
    ['team.jsonc', true],
    ['team.yaml', true],
    ['TEAM.YML', true],
    ['Update package.json', false],
    ['my team.yaml', true],
  ] as const) {
    it(`${JSON.stringify(word)}: ${file}`, () =>
      assert.equal(
        isPlanFile(word, (path) => path === 'my team.yaml'),
        file,
      ));
  }
});

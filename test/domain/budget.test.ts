import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findingText } from '../../src/domain/amounts.ts';
import { type Budget, checkBudget, describeFinding, noBudget, tokensOf } from '../../src/domain/budget.ts';
import { noUsage, type Usage } from '../../src/domain/usage.ts';

const used: Usage = {
  inputTokens: 1,
  outputTokens: 20,
  cacheReadTokens: 300,
  cacheWriteTokens: 4_000,
  turns: 5,
  costUsd: 0.5,
};

/** 'item level' of every finding. */
function found(budget: Partial<Budget>, usage: Usage | null = used, wallMs = 0): readonly string[] {
  return checkBudget({ ...noBudget, ...budget }, usage, wallMs).map(({ item, level }) => `${item} ${level}`);
}

describe('checkBudget', () => {
  it('says nothing without a cap', () => {
    assert.deepEqual(checkBudget(noBudget, used, 1e12), []);
  });

  it('counts every kind of token', () => assert.equal(tokensOf(used), 4_321));

  for (const [cap, item, spent] of [
    ['maxTokens', 'tokens', 4_321],
    ['maxCostUsd', 'cost_usd', 0.5],
    ['maxTurns', 'turns', 5],
    ['maxWallMs', 'wall_ms', 7_000],
  ] as const) {
    it(`warns of ${item} from 80 % on, and calls the cap exceeded once it is reached`, () => {
      const check = (limit: number) => found({ [cap]: limit }, used, 7_000);
      assert.deepEqual(check(spent / 0.79), []);
      assert.deepEqual(check(spent / 0.81), [`${item} warning`]);
      assert.deepEqual(check(spent * 1.001), [`${item} warning`]);
      assert.deepEqual(check(spent), [`${item} exceeded`]);
      assert.deepEqual(check(spent / 3), [`${item} exceeded`]);
    });
  }

  it('checks the caps one by one', () => {
    const caps = { maxTokens: 5_000, maxCostUsd: 0.1, maxTurns: 100, maxWallMs: 10 };
    assert.deepEqual(found(caps, used, 11), ['tokens warning', 'cost_usd exceeded', 'wall_ms exceeded']);
  });

  it('takes usage nobody reported for none, and still watches the time', () => {
    const caps = { maxTokens: 1, maxCostUsd: 0.01, maxTurns: 1, maxWallMs: 100 };
    assert.deepEqual(found(caps, null, 100), ['wall_ms exceeded']);
    assert.deepEqual(found(caps, noUsage, 0), []);
  });
});

describe('describeFinding', () => {
  const describeOne = (budget: Partial<Budget>, wallMs = 0): string => {
    const [finding = assert.fail()] = checkBudget({ ...noBudget, ...budget }, used, wallMs);
    return describeFinding(finding);
  };

  it('says what was measured, the cap, and by how much it was overshot', () => {
    assert.equal(describeOne({ maxTokens: 4_000 }), 'tokens: 4321 of 4000 (8 % over)');
    assert.equal(describeOne({ maxCostUsd: 0.4 }), 'cost: $0.5000 of $0.4 (25 % over)');
    assert.equal(describeOne({ maxWallMs: 60_000 }, 90_000), 'wall time: 90 s of 60 s (50 % over)');
    assert.equal(describeOne({ maxTurns: 5 }), 'turns: 5 of 5 (0 % over)');
  });

  it('says how much of it is used before that, never rounding up to all of it', () => {
    assert.equal(describeOne({ maxTokens: 4_322 }), 'tokens: 4321 of 4322 (99 % used)');
    assert.equal(describeOne({ maxTurns: 6 }), 'turns: 5 of 6 (83 % used)');
  });
});

describe('findingText', () => {
  const textOf = (budget: Partial<Budget>, wallMs = 0): string => {
    const [finding = assert.fail()] = checkBudget({ ...noBudget, ...budget }, used, wallMs);
    return findingText(finding);
  };

  it('says the same to people', () => {
    assert.equal(textOf({ maxTokens: 4_000 }), '4,321 of 4,000 tokens (8 % over)');
    assert.equal(textOf({ maxTokens: 4_322 }), '4,321 of 4,322 tokens (99 % used)');
    assert.equal(textOf({ maxCostUsd: 0.4 }), '$0.50 of $0.40 (25 % over)');
    assert.equal(textOf({ maxWallMs: 60_000 }, 90_000), '1m 30s of 1m 00s running time (50 % over)');
    assert.equal(textOf({ maxTurns: 5 }), '5 of 5 turns (all used)');
  });
});

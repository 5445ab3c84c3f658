import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addUsage,
  continuedUsage,
  costOf,
  countOf,
  fullerUsage,
  noUsage,
  soundUsage,
  totalUsage,
  type Usage,
  usageSince,
} from '../../src/domain/usage.ts';

const first: Usage = {
  inputTokens: 1,
  outputTokens: 20,
  cacheReadTokens: 300,
  cacheWriteTokens: 4000,
  turns: 5,
  costUsd: 0.25,
};
const second: Usage = {
  inputTokens: 10,
  outputTokens: 200,
  cacheReadTokens: 3000,
  cacheWriteTokens: 40_000,
  turns: 50,
  costUsd: null,
};

describe('addUsage', () => {
  it('adds field by field, and a known price to an unknown one', () => {
    const sum: Usage = {
      inputTokens: 11,
      outputTokens: 220,
      cacheReadTokens: 3300,
      cacheWriteTokens: 44_000,
      turns: 55,
      costUsd: 0.25,
    };
    assert.deepEqual(addUsage(first, second), sum);
    assert.deepEqual(addUsage(second, first), sum);
    assert.equal(addUsage(first, { ...second, costUsd: 0.5 }).costUsd, 0.75);
  });

  it('keeps an unknown price unknown, and a price of zero known', () => {
    assert.equal(addUsage(second, second).costUsd, null);
    assert.equal(addUsage(second, { ...second, costUsd: 0 }).costUsd, 0);
  });

  it('changes nothing when nothing was used', () => assert.deepEqual(addUsage(first, noUsage), first));
});

describe('a number that a provider told', () => {
  const told: readonly (readonly [unknown, number, number | null])[] = [
    [10, 10, 10],
    [100.2, 100, 100.2],
    [10.5, 11, 10.5],
    [-0.4, 0, 0],
    [-7, 0, 0],
    [1e308, 1e12, 1e9],
    [Number.POSITIVE_INFINITY, 1e12, 1e9],
    [Number.NEGATIVE_INFINITY, 0, 0],
    [Number.NaN, 0, null],
    ['100', 0, null],
    [null, 0, null],
    [{}, 0, null],
  ];
  for (const [value, count, cost] of told) {
    it(`${String(value)} is ${count} as a count, ${cost} as a price`, () => {
      assert.deepEqual([countOf(value), costOf(value)], [count, cost]);
      assert.ok(!Object.is(countOf(value), -0));
    });
  }

  it('stays in its bounds in every sum', () => {
    const most = soundUsage({ ...first, inputTokens: 1e300, costUsd: 1e300 });
    const sum = addUsage(most, most);
    assert.deepEqual([sum.inputTokens, sum.costUsd], [1e12, 1e9]);
    assert.ok(Object.values(sum).every((number) => Number.isFinite(number)));
  });
});

describe('fullerUsage', () => {
  it('takes the larger number of each', () => {
    assert.deepEqual(fullerUsage(first, { ...second, outputTokens: 2 }), {
      ...second,
      outputTokens: 20,
      costUsd: 0.25,
    });
  });
});

describe('usageSince', () => {
  const whole: Usage = {
    ...{ inputTokens: 3, outputTokens: 40, cacheReadTokens: 300, cacheWriteTokens: 4001 },
    ...{ turns: 2, costUsd: 0.5 },
  };

  it('takes what was used before off a report that contains it, but for its turns', () => {
    assert.deepEqual(usageSince(first, whole), {
      ...{ inputTokens: 2, outputTokens: 20, cacheReadTokens: 0, cacheWriteTokens: 1 },
      ...{ turns: 2, costUsd: 0.25 },
    });
    assert.deepEqual(usageSince(first, first), { ...noUsage, turns: 5, costUsd: 0 });
  });

  it('takes a report that cannot contain it as it is', () => {
    for (const own of [
      { ...whole, inputTokens: 0 },
      { ...whole, costUsd: null },
    ])
      assert.deepEqual(usageSince(first, own), own);
  });
});

describe('continuedUsage', () => {
  const more: Usage = { ...first, inputTokens: 3, outputTokens: 40, turns: 2, costUsd: 0.5 };

  it('takes a report that contains what came before for the whole conversation, but for its turns', () => {
    assert.deepEqual(continuedUsage(first, more, true), { ...more, turns: 7 });
    assert.deepEqual(continuedUsage(first, first, true), { ...first, turns: 10 });
  });

  it('adds a report that cannot contain what came before', () => {
    for (const less of [
      { ...more, inputTokens: 0 },
      { ...more, outputTokens: 19 },
      { ...more, costUsd: 0.2 },
      { ...more, costUsd: null },
    ]) {
      assert.deepEqual(continuedUsage(first, less, true), addUsage(first, less));
    }
  });

  it('adds what another conversation used', () => {
    assert.deepEqual(continuedUsage(first, more, false), addUsage(first, more));
  });

  it('keeps what is known when one of them is not', () => {
    assert.deepEqual(continuedUsage(null, more, true), more);
    assert.deepEqual(continuedUsage(first, null, true), first);
    assert.deepEqual(continuedUsage(first, null, false), first);
    assert.equal(continuedUsage(null, null, true), null);
  });
});

describe('totalUsage', () => {
  it('is unknown when nobody reported', () => {
    assert.equal(totalUsage([]), null);
    assert.equal(totalUsage([null, null]), null);
  });

  it('adds up those who reported', () => {
    assert.deepEqual(totalUsage([null, first, null]), first);
    assert.deepEqual(totalUsage(new Set([first, null, second])), addUsage(first, second));
    assert.deepEqual(totalUsage([noUsage]), noUsage);
  });

  it('adds up prices to the number that people would write', () => {
    const priced = { ...first, costUsd: 0.31 };
    assert.equal(totalUsage([priced, priced, priced])?.costUsd, 0.93);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editDistance, nearest } from '../../src/domain/nearest.ts';

describe('the distance of two words', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['task', 'task', 0],
    ['task', '', 4],
    ['tsk', 'task', 1],
    ['tassk', 'task', 1],
    ['tisk', 'task', 1],
    ['taks', 'task', 1],
    ['kitten', 'sitting', 3],
  ] as const) {
    it(`${a} to ${b} is ${distance}`, () => {
      assert.equal(editDistance(a, b), distance);
      assert.equal(editDistance(b, a), distance);
    });
  }
});

describe('the word that was meant', () => {
  const known = ['role', 'task', 'depends_on'];
  it('is the nearest, whatever its case', () => {
    assert.equal(nearest('taks', known), 'task');
    assert.equal(nearest('Depend_on', known), 'depends_on');
  });
  it('is none of those that are far', () => {
    assert.equal(nearest('job', known), null);
    assert.equal(nearest('x'.repeat(100_000), known), null);
  });
});

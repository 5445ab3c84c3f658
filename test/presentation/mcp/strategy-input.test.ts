import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from 'zod';
import { parseInput } from '../../../src/presentation/contracts/parse-input.ts';
import { planInput } from '../../../src/presentation/contracts/plan-input.ts';

describe('the strategy of a plan', () => {
  it("is not 'adaptive', with or without agents, and the error says why", () => {
    for (const agents of [[], [{ role: 'qa', task: 'Do.' }]]) {
      assert.throws(
        () => parseInput(planInput, { objective: 'Look.', agents, strategy: 'adaptive' }, 'The plan'),
        { code: 'INVALID_INPUT', message: /strategy.*does not plan by itself.*'pipeline'/ },
      );
    }
  });

  it('is offered in the schema only as far as it works', () => {
    const { properties } = z.toJSONSchema(planInput, { io: 'input' });
    const { strategy } = properties as { strategy: { enum: string[] } };
    assert.deepEqual(strategy.enum, ['parallel', 'sequential', 'pipeline']);
  });
});

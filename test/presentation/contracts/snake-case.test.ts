import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withSnakeCase } from '../../../src/presentation/contracts/snake-case.ts';

it('snake_case keys stand beside published camelCase ones, at every depth', () => {
  assert.deepEqual(
    withSnakeCase({ durationMs: 1, at: [{ dependsOn: [] }], 'a-B': 2, x_y: 3, xY: 4, X: null }),
    {
      duration_ms: 1,
      durationMs: 1,
      at: [{ depends_on: [], dependsOn: [] }],
      'a-B': 2,
      x_y: 3,
      xY: 4,
      X: null,
    },
  );
  assert.equal(withSnakeCase(null), null);
});

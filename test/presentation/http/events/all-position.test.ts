import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allIdOf, keyOf, positionsIn } from '../../../../src/presentation/http/events/all-position.ts';
import { fc } from '../../../helpers/properties.ts';

describe('the position of a stream of all projects', () => {
  const key = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 10, maxLength: 10 });

  it('comes back from an event id as it was, whatever the projects', () => {
    const entries = fc.uniqueArray(fc.tuple(key, fc.maxSafeNat()), { selector: ([first]) => first });
    fc.assert(
      fc.property(entries, (given) => {
        const expected = new Map(given.filter(([, position]) => position > 0));
        assert.deepEqual(positionsIn(allIdOf(new Map(given))), expected);
      }),
    );
  });

  it('fits into a header with a thousand projects', () => {
    const positions = new Map(
      Array.from({ length: 1_000 }, (_, index) => [keyOf(`/project/${index}`, 'mwscx0cm'), 100_000 + index]),
    );
    assert.equal(positions.size, 1_000);
    assert.ok(allIdOf(positions).length < 12 * 1_024);
  });

  it('is of one store: another one in its place has another key', () => {
    assert.notEqual(keyOf('/project', 'a'), keyOf('/project', 'b'));
  });

  it('is not in any other text', () => {
    for (const odd of ['', 'x', '0', 'mwscx0cm-12', 'a.', 'aAAAA', 'aAAAAAAD', `a${'_'.repeat(40)}`, 'ä']) {
      assert.equal(positionsIn(odd), null, odd);
    }
    assert.deepEqual(positionsIn('a'), new Map());
  });
});

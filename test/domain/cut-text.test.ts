import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endOf, shorten, startOf } from '../../src/domain/cut-text.ts';
import { fc } from '../helpers/properties.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🙂', '👩‍💻'), maxLength: 20 });
const length = fc.integer({ min: 1, max: 25 });

describe('cutting a text', () => {
  it('keeps characters whole, and as many as fit', () => {
    fc.assert(
      fc.property(text, length, (whole, max) => {
        for (const [cut, isPart] of [
          [startOf(whole, max), whole.startsWith(startOf(whole, max))],
          [endOf(whole, max), whole.endsWith(endOf(whole, max))],
        ] as const) {
          assert.ok(isPart && cut.isWellFormed());
          assert.ok(cut.length <= max && cut.length >= Math.min(max - 1, whole.length));
        }
        const shown = shorten(whole, max);
        assert.ok(shown.isWellFormed() && shown.length <= max);
        assert.equal(shown.endsWith('…'), whole.length > max);
      }),
    );
  });

  it('marks what was cut, and nothing else', () => {
    assert.equal(shorten('as it is', 8), 'as it is');
    assert.equal(shorten('too long', 7), 'too lo…');
    assert.equal(shorten('a🙂b', 3), 'a…');
    assert.equal(shorten('much too long', 9, '...'), 'much t...');
    assert.equal(endOf('a🙂b', 2), 'b');
    assert.equal(startOf('🙂', 0), '');
    assert.equal(endOf('🙂', 0), '');
  });
});

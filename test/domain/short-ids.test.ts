import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shortIds } from '../../src/domain/short-ids.ts';
import { fc } from '../helpers/properties.ts';

describe('short ids', () => {
  it('are the last six characters where these are enough, and more where they are not', () => {
    const short = shortIds(['sess_01AAAAAA8K3S3Q', 'sess_01BBBBBB9K3S3Q', 'sess_01CCCC7T8K3S3Q']);
    assert.deepEqual([...short.values()].toSorted(), ['9K3S3Q', 'A8K3S3Q', 'T8K3S3Q']);
  });

  it('find exactly one of the ids, whatever they are', () => {
    const id = fc.string({ unit: fc.constantFrom('A', 'B'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.uniqueArray(id.map((end) => `sess_${end.padStart(12, 'C')}`)), (ids) => {
        const short = shortIds(ids);
        for (const wanted of ids) {
          const found = ids.filter((other) => other.endsWith(short.get(wanted) ?? ''));
          assert.deepEqual(found, [wanted]);
        }
      }),
    );
  });
});

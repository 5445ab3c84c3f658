import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findJsonError } from '../../../src/infrastructure/config/json-position.ts';

function parses(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

describe('the place of a JSON error', () => {
  it('is found exactly where JSON.parse refuses the text', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.nat(3),
        fc.constantFrom('', ',', '}', ']', '"', '\\', '\n', '0', 'e', '-', ':', ' '),
      )
      .map(([text, at, length, insert]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + insert + text.slice(start + length);
      });
    fc.assert(
      fc.property(damaged, (source) => {
        assert.equal(findJsonError(source) === null, parses(source), source);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is the first that no JSON could go on from', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length);
        const place = findJsonError(`${cut}\u0007`);
        assert.ok(place !== null && place.line === 1 && place.column <= cut.length + 1);
      }),
    );
  });

  it('does not exhaust the stack', () => {
    assert.deepEqual(findJsonError('['.repeat(100_000)), { line: 1, column: 201 });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeAgentId, makeInstanceId, makeSessionId } from '../../src/domain/ids.ts';
import { makeIdSource } from '../../src/infrastructure/ids.ts';

describe('the id source', () => {
  it('makes ids the domain takes, in sorted order, without repeats', () => {
    const ids = makeIdSource();
    const ulids = Array.from({ length: 20_000 }, () => ids.ulid());
    assert.deepEqual(ulids, [...ulids].sort());
    assert.equal(new Set(ulids).size, ulids.length);
    for (const ulid of ulids.slice(0, 100)) {
      makeSessionId(ulid);
      makeInstanceId(ulid);
    }
  });

  it('differs between sources', () => {
    assert.notEqual(makeIdSource().ulid().slice(10), makeIdSource().ulid().slice(10));
  });

  it('carries the time', () => {
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const before = Date.now();
    const ulid = makeIdSource().ulid();
    const time = [...ulid.slice(0, 10)].reduce((sum, letter) => sum * 32 + alphabet.indexOf(letter), 0);
    assert.ok(time >= before && time <= Date.now(), `${time}`);
  });

  it('makes suffixes of six letters and digits, each as likely as the next', () => {
    const ids = makeIdSource();
    const counts = new Map<string, number>();
    const rounds = 30_000;
    for (let round = 0; round < rounds; round++) {
      const suffix = ids.suffix();
      assert.match(suffix, /^[a-z0-9]{6}$/);
      for (const letter of suffix) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    makeAgentId('tester', 1, ids.suffix());
    assert.equal(counts.size, 36);
    const expected = (rounds * 6) / 36;
    // A byte modulo 36 without rejection would make four letters 12.5 % more likely. Chi-square would be about 300, but
    // random letters exceed 95 only once in a million runs.
    const chiSquare = [...counts.values()].reduce(
      (sum, count) => sum + (count - expected) ** 2 / expected,
      0,
    );
    assert.ok(chiSquare < 95, `chi-square ${chiSquare}`);
  });
});

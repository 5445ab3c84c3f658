import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCodes, isMaosError, MaosError, quote } from '../../src/domain/errors.ts';
import { fc } from '../helpers/properties.ts';

describe('MaosError', () => {
  it('carries code, message, details and cause', () => {
    const cause = new Error('disk full');
    const error = new MaosError('STORE_BUSY', 'It is busy.', { details: { waitedMs: 5 }, cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'MaosError');
    assert.equal(error.code, 'STORE_BUSY');
    assert.equal(error.message, 'It is busy.');
    assert.deepEqual(error.details, { waitedMs: 5 });
    assert.equal(error.cause, cause);
  });

  it('has empty details and no cause unless they are given', () => {
    const error = new MaosError('INTERNAL', 'A bug.');
    assert.deepEqual(error.details, {});
    assert.equal(Object.hasOwn(error, 'cause'), false);
  });

  it('has the codes of the contract', () => {
    assert.deepEqual([...errorCodes].sort(), [
      'AGENT_NOT_FOUND',
      'BACKEND_UNAVAILABLE',
      'CONFIG_INVALID',
      'FORBIDDEN',
      'INTERNAL',
      'INVALID_INPUT',
      'INVALID_PLAN',
      'INVALID_ROLE',
      'INVALID_TRANSITION',
      'RESOURCE_LIMIT_EXCEEDED',
      'SESSION_NOT_FOUND',
      'SPAWN_FAILED',
      'STORE_BUSY',
      'STORE_CORRUPT',
    ]);
  });
});

describe('isMaosError', () => {
  it('knows the class, and the code where one is asked for', () => {
    const error = new MaosError('FORBIDDEN', 'No.');
    assert.equal(isMaosError(error), true);
    assert.equal(isMaosError(error, 'FORBIDDEN'), true);
    assert.equal(isMaosError(error, 'INTERNAL'), false);
  });

  it('refuses what only looks like one', () => {
    for (const other of [
      new Error('x'),
      { code: 'FORBIDDEN', message: 'No.' },
      null,
      undefined,
      'FORBIDDEN',
    ]) {
      assert.equal(isMaosError(other), false);
    }
  });
});

describe('quote', () => {
  it('shows text, numbers, objects and nothing in quotes', () => {
    assert.equal(quote('qa'), '"qa"');
    assert.equal(quote('say "hi"'), '"say \\"hi\\""');
    assert.equal(quote(7), '"7"');
    assert.equal(quote({ a: 1 }), '"{\\"a\\":1}"');
    assert.equal(quote(null), '"null"');
    assert.equal(quote(undefined), '"undefined"');
  });

  it('keeps 80 characters and cuts what is longer', () => {
    assert.equal(quote('a'.repeat(80)), `"${'a'.repeat(80)}"`);
    assert.equal(quote('a'.repeat(81)), `"${'a'.repeat(77)}..."`);
  });

  it('escapes what would break the line or steer a terminal', () => {
    assert.equal(quote('a\nb\r\t\0\u001b[2J'), '"a\\nb\\r\\t\\u0000\\u001b[2J"');
    assert.equal(quote('\u007f\u0085\u009b2J'), '"\\u007f\\u0085\\u009b2J"');
    assert.equal(quote('\u2028\u2029'), '"\\u2028\\u2029"');
    assert.equal(quote('\u202egnp.exe\u2066'), '"\\u202egnp.exe\\u2066"');
  });

  it('is for any text one line that reads back as its beginning', () => {
    const awkward = fc.constantFrom(
      '"',
      '\\',
      '\n',
      '\0',
      '\u007f',
      '\u009b',
      '\u2028',
      '\u202e',
      '\ud83d',
      '😀',
    );
    const character = fc.oneof(awkward, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 100 }), (text) => {
        const quoted = quote(text);
        assert.doesNotMatch(quoted, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        assert.equal(quoted.isWellFormed(), true);
        const back: unknown = JSON.parse(quoted);
        assert.ok(typeof back === 'string' && back.length <= 80);
        if (text.length <= 80) assert.equal(back, text);
        else assert.equal(back, `${text.slice(0, 77)}...`);
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { translateSqliteError } from '../../../src/infrastructure/sqlite/sqlite-errors.ts';

describe('a value that is too large for the store', () => {
  it('is refused, and not tried again as what may pass is', () => {
    const error = (errcode: number) =>
      Object.assign(new Error('too big'), {
        code: 'ERR_SQLITE_ERROR',
        errcode,
        errstr: 'string or blob too big',
      });
    const codeOf = (errcode: number) => (translateSqliteError(error(errcode), '/x') as { code: string }).code;
    assert.deepEqual([codeOf(18), codeOf(7)], ['INVALID_INPUT', 'RESOURCE_LIMIT_EXCEEDED']);
  });
});

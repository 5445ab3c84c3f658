import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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

describe('a process without a free file descriptor', () => {
  it('is told of that, and not of a permission', () => {
    const module = new URL('../../../src/infrastructure/sqlite/sqlite-errors.ts', import.meta.url);
    const program = `
      import { openSync } from 'node:fs';
      import { DatabaseSync } from 'node:sqlite';
      import { translateSqliteError } from ${JSON.stringify(module.href)};
      try { for (;;) openSync('/dev/null', 'r'); } catch {}
      try { new DatabaseSync('/tmp/never-made.db', { readOnly: true }); }
      catch (error) { const { code, message } = translateSqliteError(error, 'f.db'); console.log(code, message); }`;
    const line = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
    const { stdout, stderr } = spawnSync('/bin/sh', ['-c', line, process.execPath, program], {
      encoding: 'utf8',
    });
    const told = /^RESOURCE_LIMIT_EXCEEDED The database f\.db cannot be opened: .*too many files open/;
    assert.match(stdout, told, stderr);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCodes, MaosError } from '../../../../src/domain/errors.ts';
import { crashReport, reportError } from '../../../../src/presentation/cli/shell/error-report.ts';
import { assertHarmless, hostile } from '../../../helpers/hostile-world.ts';

/** An error like the system's: Node puts the path into the message. */
function systemError(code: string): Error {
  const message = `${code}: not possible, open '${hostile}'`;
  return Object.assign(new Error(message), { code, errno: -2, syscall: 'open', path: hostile });
}

describe('the report of an error', () => {
  const details = { path: hostile, [hostile]: [hostile] };
  const errors = [
    ...errorCodes.map((code) => new MaosError(code, `It said ${hostile}.`, { details })),
    ...['ENOENT', 'EACCES', 'ENOSPC', 'EIO', 'EMFILE', 'EROFS'].map(systemError),
    new TypeError(`A defect with ${hostile}`),
    hostile,
  ];

  for (const error of errors) {
    const name = error instanceof MaosError ? error.code : error instanceof Error ? error.message : error;
    it(`of ${JSON.stringify(name).slice(0, 20)} steers no terminal, whatever the error says`, () => {
      for (const [how, { text }] of [
        ['as text', reportError(error, false)],
        ['as JSON', reportError(error, true)],
        ['of a crash', crashReport(error)],
      ] as const) {
        assertHarmless(how, text);
        assert.match(text, /\\u202e/, how);
      }
    });
  }

  it('is JSON with the values as they were', () => {
    const { text } = reportError(new MaosError('INVALID_INPUT', `It said ${hostile}.`, { details }), true);
    assert.deepEqual(JSON.parse(text), {
      error: { code: 'INVALID_INPUT', message: `It said ${hostile}.`, details },
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, errorCodes, MaosError } from '../../../../src/domain/errors.ts';
import { reportError } from '../../../../src/presentation/cli/shell/error-report.ts';
import { statusOfCode, statusOfSession } from '../../../../src/presentation/cli/shell/exit-status.ts';
import { agent, failureOf, workflow } from '../samples.ts';

describe('exit statuses', () => {
  const expected: Readonly<Record<ErrorCode, number>> = {
    SESSION_NOT_FOUND: 3,
    AGENT_NOT_FOUND: 3,
    INVALID_ROLE: 2,
    INVALID_PLAN: 2,
    INVALID_INPUT: 2,
    INVALID_TRANSITION: 4,
    RESOURCE_LIMIT_EXCEEDED: 5,
    BACKEND_UNAVAILABLE: 6,
    SPAWN_FAILED: 6,
    STORE_BUSY: 5,
    STORE_CORRUPT: 4,
    CONFIG_INVALID: 2,
    FORBIDDEN: 4,
    INTERNAL: 70,
  };
  for (const code of errorCodes) {
    it(`${code} is ${expected[code]}`, () => assert.equal(statusOfCode(code), expected[code]));
  }

  it('of a session: 0 only when it completed, 5 when a budget was used up, 6 when an agent was not signed in', () => {
    const done = agent('a', { state: 'completed' });
    const failed = agent('b', { state: 'failed', failure: failureOf('exit_code', 'x') });
    const signedOut = agent('c', { state: 'failed', failure: failureOf('auth_required', 'x') });
    assert.equal(statusOfSession(workflow([done], { state: 'completed' })), 0);
    assert.equal(statusOfSession(workflow([done, failed], { state: 'failed' })), 1);
    assert.equal(statusOfSession(workflow([done, failed, signedOut], { state: 'failed' })), 6);
    assert.equal(statusOfSession(workflow([signedOut], { state: 'cancelled' })), 1);
    assert.equal(statusOfSession(workflow([done], { state: 'paused', pauseReason: 'user' })), 7);
    const spent = agent('d', { state: 'failed', failure: failureOf('budget_exceeded', 'x') });
    const after = agent('e', { state: 'failed', failure: failureOf('dependency_failed', 'x') });
    assert.equal(statusOfSession(workflow([spent, after], { state: 'failed' })), 5);
    assert.equal(statusOfSession(workflow([spent, failed], { state: 'failed' })), 1, 'more than a budget');
  });
});

describe('an error on stderr', () => {
  const error = new MaosError('INVALID_ROLE', 'There is no role "x\u001b[2J".', { details: { role: 'x' } });

  it('is one line without its code, and cannot steer the terminal', () => {
    assert.deepEqual(reportError(error, false), {
      status: 2,
      text: 'maos: There is no role "x".\n',
    });
  });

  it('is one JSON document with --json', () => {
    const { text } = reportError(error, true);
    assert.ok(text.endsWith('\n') && !text.slice(0, -1).includes('\n'));
    assert.deepEqual(JSON.parse(text), {
      error: { code: 'INVALID_ROLE', message: error.message, details: { role: 'x' } },
    });
  });

  it('says where help is when the command line was not understood', () => {
    const usage = (command: string | null) =>
      reportError(new MaosError('INVALID_INPUT', 'No.', { details: { command } }), false).text;
    assert.equal(usage('run'), "maos: No.\nTry 'maos help run'.\n");
    assert.equal(usage(null), "maos: No.\nTry 'maos help'.\n");
  });

  it('says of anything else that it is a bug', () => {
    const { status, text } = reportError(new TypeError('x is not a function'), false);
    assert.equal(status, 70);
    assert.match(text, /^maos: This is a bug in MAOS: x is not a function\. .*details\.\n$/);
  });
});

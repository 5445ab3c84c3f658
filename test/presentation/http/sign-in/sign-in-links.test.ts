import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SignInLinks } from '../../../../src/presentation/http/sign-in/sign-in-links.ts';

describe('links for signing in', () => {
  it('are good once, for a minute', () => {
    let now = 0;
    const links = new SignInLinks(() => now);
    const { code, validMs } = links.make('sess_1');
    assert.match(code, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(validMs, 60_000);
    const late = links.make(null).code;
    now = 59_999;
    assert.deepEqual([links.take(code)?.sessionId, links.take(code)], ['sess_1', null]);
    now = 60_000;
    assert.equal(links.take(late), null);
    for (const unknown of ['', 'x', '__proto__', `${code}x`]) assert.equal(links.take(unknown), null);
  });

  it('wait in a bounded number: a further one replaces the oldest', () => {
    const links = new SignInLinks(() => 0);
    const codes = Array.from({ length: 33 }, () => links.make(null).code);
    assert.deepEqual(
      codes.map((code) => links.take(code) !== null),
      [false, ...Array.from({ length: 32 }, () => true)],
    );
  });
});

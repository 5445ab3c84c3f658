import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { rotateHttpToken } from '../../../../src/infrastructure/files/home/http-token.ts';
import { makeSignIns, removeSignIns } from '../../../../src/infrastructure/files/home/sign-ins.ts';

const dayMs = 86_400_000;

function makeHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'maos-sign-ins-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

describe('sign-ins', () => {
  it('are files for the user alone that do not contain the secret, and are valid in every process', async (t) => {
    const home = makeHome(t);
    const secret = await makeSignIns(home).begin();
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
    const folder = join(home, 'sign-ins');
    const name = createHash('sha256').update(secret).digest('hex');
    assert.deepEqual(readdirSync(folder), [name]);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    const text = readFileSync(join(folder, name), 'utf8');
    assert.ok(
      !text.includes(secret) && !text.includes(readFileSync(join(home, 'http-token'), 'utf8').trim()),
    );
    assert.equal(makeSignIns(home).isValid(secret), true);
  });

  it('end at sign-out, and only there', async (t) => {
    const signIns = makeSignIns(makeHome(t));
    const [one, other] = [await signIns.begin(), await signIns.begin()];
    signIns.end(one);
    signIns.end(one);
    assert.deepEqual([signIns.isValid(one), signIns.isValid(other)], [false, true]);
  });

  it('expire after seven days, and are removed then', async (t) => {
    const home = makeHome(t);
    let now = Date.parse('2026-01-01T00:00:00Z');
    const signIns = makeSignIns(home, () => now);
    const secret = await signIns.begin();
    now += 7 * dayMs - 1;
    assert.equal(signIns.isValid(secret), true);
    now += 1;
    assert.equal(signIns.isValid(secret), false);
    assert.deepEqual(readdirSync(join(home, 'sign-ins')), []);
    const forgotten = await signIns.begin();
    now += 8 * dayMs;
    await signIns.begin();
    assert.equal(readdirSync(join(home, 'sign-ins')).length, 1);
    assert.equal(signIns.isValid(forgotten), false);
  });

  it('end with the token, also if their files are still there', async (t) => {
    const home = makeHome(t);
    const signIns = makeSignIns(home);
    const secret = await signIns.begin();
    await rotateHttpToken(home);
    assert.equal(signIns.isValid(secret), false);
    const later = await signIns.begin();
    removeSignIns(home);
    assert.deepEqual([signIns.isValid(later), readdirSync(home)], [false, ['http-token']]);
    removeSignIns(home);
  });

  it('are no other files, whatever the secret is', async (t) => {
    const home = makeHome(t);
    const signIns = makeSignIns(home);
    const valid = await signIns.begin();
    const content = readFileSync(
      join(home, 'sign-ins', createHash('sha256').update(valid).digest('hex')),
      'utf8',
    );
    for (const secret of ['', '..', '../http-token', 'a'.repeat(42), `${valid}\n`, `${valid}x`, '\0']) {
      writeFileSync(join(home, 'sign-ins', createHash('sha256').update(secret).digest('hex')), content);
      assert.equal(signIns.isValid(secret), false, JSON.stringify(secret));
      signIns.end(secret);
    }
    const broken = 'b'.repeat(43);
    for (const text of ['', '{', 'null', '{"expires_at":"9999"}', content.replace('T', ' ')]) {
      writeFileSync(join(home, 'sign-ins', createHash('sha256').update(broken).digest('hex')), text);
      assert.equal(signIns.isValid(broken), false, text);
    }
    assert.equal(signIns.isValid(valid), true);
  });
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { readHttpToken, rotateHttpToken } from '../../../../src/infrastructure/files/home/http-token.ts';

const run = promisify(execFile);

function makeHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'maos-token-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

describe('the token of HTTP mode', () => {
  it('is made once, for the user alone, and stays', (t) => {
    const home = makeHome(t);
    const token = readHttpToken(home);
    assert.match(token, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(readHttpToken(home), token);
    assert.deepEqual(readdirSync(home), ['http-token']);
    assert.equal(statSync(join(home, 'http-token')).mode & 0o777, 0o600);
    chmodSync(join(home, 'http-token'), 0o644);
    assert.equal(readHttpToken(home), token);
    assert.equal(statSync(join(home, 'http-token')).mode & 0o777, 0o600);
  });

  it('is the same for processes that make it at once', async (t) => {
    const home = makeHome(t);
    const module = new URL('../../../../src/infrastructure/files/home/http-token.ts', import.meta.url);
    const script = `import { readHttpToken } from ${JSON.stringify(module.href)}; process.stdout.write(readHttpToken(${JSON.stringify(home)}));`;
    const made = await Promise.all(
      Array.from({ length: 6 }, () => run(process.execPath, ['--input-type=module', '-e', script])),
    );
    assert.equal(new Set(made.map(({ stdout }) => stdout)).size, 1);
    assert.deepEqual(readdirSync(home), ['http-token']);
  });

  it('can be replaced, also where the file holds something else', async (t) => {
    const home = makeHome(t);
    const before = readHttpToken(home);
    const after = await rotateHttpToken(home);
    assert.notEqual(after, before);
    assert.equal(readHttpToken(home), after);
    writeFileSync(join(home, 'http-token'), 'guess me\n');
    assert.throws(() => readHttpToken(home), { code: 'CONFIG_INVALID', message: /maos token --rotate/ });
    const mended = await rotateHttpToken(home);
    assert.equal(readHttpToken(home), mended);
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { getSystemErrorMap } from 'node:util';
import { explained } from '../../src/application/system-error.ts';
import { MaosError } from '../../src/domain/errors.ts';
import { fileError } from '../../src/infrastructure/files/disk/file-error.ts';
import { crashReport, reportError } from '../../src/presentation/cli/shell/error-report.ts';

/** As Node throws it. */
function systemError(code: string, syscall: string, path?: string): Error {
  const said = `${code}: something, ${syscall}${path === undefined ? '' : ` '${path}'`}`;
  return Object.assign(new Error(said), {
    code,
    syscall,
    errno: -5,
    ...(path === undefined ? {} : { path }),
  });
}

const named = [...getSystemErrorMap().values()]
  .map(([name]) => name)
  .filter((name) => /^E[A-Z0-9]+$/.test(name));
const codes = [...new Set([...Object.keys(constants.errno), ...named])];

describe('what the system refuses', () => {
  for (const code of codes) {
    it(`${code} is the machine's, with the path and what to do`, () => {
      const error = systemError(code, 'open', '/srv/state/a file');
      for (const json of [false, true]) {
        const { status, text } = reportError(error, json);
        assert.ok([2, 4, 5].includes(status), `${status}: ${text}`);
        assert.doesNotMatch(text, /bug in MAOS|stack|INTERNAL/);
        assert.ok(text.includes('a file') && text.includes(code), text);
      }
      assert.notEqual(fileError(error, 'write', '/srv/state/a file').code, 'INTERNAL');
      assert.ok(!crashReport(error).text.includes('bug'));
    });
  }

  it('is said in one sentence, also without a path', () => {
    const cases: readonly (readonly [Error, string, string])[] = [
      [
        systemError('EIO', 'mkdir', '/srv/x'),
        'RESOURCE_LIMIT_EXCEEDED',
        `Could not create the folder "/srv/x": the disk or its connection fails: look at the system's log (dmesg), and try again when it works (EIO).`,
      ],
      [
        systemError('EROFS', 'open', '/srv/x'),
        'FORBIDDEN',
        'Could not open "/srv/x": the file system is read-only: set MAOS_HOME to a writable folder (EROFS).',
      ],
      [
        systemError('EISDIR', 'read'),
        'INVALID_INPUT',
        'Could not read: it is a folder, not a file: move it away, or name a file (EISDIR).',
      ],
    ];
    for (const [error, code, message] of cases) {
      const said = explained(error);
      assert.deepEqual([said?.code, said?.message], [code, message]);
    }
  });

  it('is told from a defect, and from what MAOS says itself', () => {
    const own = new MaosError('FORBIDDEN', 'No.');
    assert.equal(explained(own), own);
    const invalid = Object.assign(new TypeError('wrong'), { code: 'ERR_INVALID_ARG_TYPE' });
    for (const error of [new TypeError('x is not a function'), invalid, 'text', null, undefined]) {
      assert.equal(explained(error), null);
    }
    assert.match(crashReport(new TypeError('x')).text, /This is a bug in MAOS/);
    assert.equal(crashReport(new TypeError('x')).status, 70);
  });

  it('is known as it really comes', { skip: process.platform !== 'linux' }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'maos-errno-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const loop = join(folder, 'loop');
    symlinkSync(loop, loop);
    const failures: readonly (readonly [() => unknown, RegExp])[] = [
      [() => readFileSync(folder), /folder, not a file/],
      [() => readFileSync('/proc/self/mem'), /EIO/],
      [() => readFileSync(loop), /symbolic link/],
      [() => writeFileSync(join(folder, 'x'.repeat(300)), ''), /too long/],
      [() => rmdirSync(folder), /not empty/],
    ];
    for (const [act, says] of failures) {
      try {
        act();
        assert.fail('it worked');
      } catch (error) {
        assert.match(explained(error)?.message ?? String(error), says);
      }
    }
  });
});

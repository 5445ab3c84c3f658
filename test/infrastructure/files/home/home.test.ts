import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import {
  ensureHome,
  ensureProjectFolder,
  projectFolder,
  workspaceHash,
} from '../../../../src/infrastructure/files/home/home.ts';
import { maosHome } from '../../../../src/infrastructure/files/home/maos-home.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-home-'));
after(() => rmSync(root, { recursive: true, force: true }));
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('the MAOS home', () => {
  it('is .maos in the home folder unless MAOS_HOME names another, always absolute', () => {
    assert.equal(maosHome({ HOME: '/home/ada' }), '/home/ada/.maos');
    assert.equal(maosHome({}), join(homedir(), '.maos'));
    assert.equal(maosHome({ HOME: '/home/ada', MAOS_HOME: '' }), '/home/ada/.maos');
    assert.equal(maosHome({ HOME: '/home/ada', MAOS_HOME: '/srv/maos' }), '/srv/maos');
    assert.equal(maosHome({ HOME: '/home/ada', MAOS_HOME: '~/state/' }), '/home/ada/state');
    assert.equal(maosHome({ MAOS_HOME: 'state' }), join(process.cwd(), 'state'));
  });

  for (const umask of ['000', '077', '777']) {
    it(`is made for its user alone under umask ${umask}`, () => {
      const home = join(root, `umask-${umask}`, 'deep', '.maos');
      // In a separate process, because the umask applies to the whole process.
      const script = `
        import { ensureHome, ensureProjectFolder } from ${JSON.stringify(import.meta.resolve('../../../../src/infrastructure/files/home/home.ts'))};
        import { writeFileAtomic } from ${JSON.stringify(import.meta.resolve('../../../../src/infrastructure/files/disk/atomic.ts'))};
        process.umask(0o${umask});
        ensureHome(process.argv[1]);
        const project = ensureProjectFolder(process.argv[1], 'a'.repeat(64));
        await writeFileAtomic(project + '/config.json', '{}');`;
      execFileSync(process.execPath, ['--input-type=module', '-e', script, home]);
      const project = projectFolder(home, 'a'.repeat(64));
      assert.deepEqual([home, join(home, 'projects'), project].map(modeOf), [0o700, 0o700, 0o700]);
      assert.equal(modeOf(join(project, 'config.json')), 0o600);
    });
  }

  it('keeps its mode when it was there, and it is told that others may enter', () => {
    const home = join(root, 'loose');
    mkdirSync(home);
    chmodSync(home, 0o755);
    assert.deepEqual(ensureHome(home), { openToOthers: 0o755 });
    assert.equal(modeOf(home), 0o755);
    chmodSync(home, 0o700);
    assert.deepEqual(ensureHome(home), { openToOthers: null });
  });

  it('is refused, naming MAOS_HOME, where it cannot be a folder', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    for (const path of [file, join(file, 'below'), '/proc/maos']) {
      if (path.startsWith('/proc') && process.platform !== 'linux') continue;
      assert.throws(
        () => ensureHome(path),
        (error) =>
          isMaosError(error, 'CONFIG_INVALID') &&
          error.message.includes('MAOS_HOME') &&
          error.message.includes(path),
      );
    }
  });

  it('names a project folder only by a hash', () => {
    for (const hash of ['', '..', 'A'.repeat(64), `${'a'.repeat(64)}\n`, 'a'.repeat(63)]) {
      assert.throws(() => ensureProjectFolder(root, hash), { code: 'INVALID_INPUT' });
    }
  });
});

describe('the workspace hash', () => {
  it('is the SHA-256 of the real path, the same through a link and a detour', () => {
    const project = join(root, 'project');
    mkdirSync(join(project, 'src'), { recursive: true });
    symlinkSync(project, join(root, 'link'));
    const expected = createHash('sha256').update(realpathSync(project)).digest('hex');
    for (const path of [project, join(root, 'link'), `${project}/src/..`, `${project}/`]) {
      assert.equal(workspaceHash(path), expected);
    }
    assert.notEqual(workspaceHash(join(project, 'src')), expected);
  });

  const wrong: [title: string, path: string, complaint: RegExp][] = [
    ['nothing', join(root, 'no such'), /no such" does not exist: check the spelling/],
    ['a file', join(root, 'plain'), /plain" is not a folder: give the folder/],
    ['something below a file', join(root, 'plain', 'x'), /does not exist/],
    ['a loop of links', join(root, 'loop'), /loop" is a loop of links/],
    ['an empty path', '', /"" is not a path/],
    ['a NUL', 'a\0b', /"a\\u0000b" is not a path/],
    ['a name that is too long', join(root, 'x'.repeat(300)), /too long a name/],
  ];
  writeFileSync(join(root, 'plain'), '');
  symlinkSync(join(root, 'loop'), join(root, 'loop'));
  for (const [title, path, complaint] of wrong) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => workspaceHash(path),
        (error) => isMaosError(error, 'INVALID_INPUT') && complaint.test(error.message),
      );
    });
  }

  it('refuses a folder this user cannot read or search', (t) => {
    const closed = join(root, 'closed');
    mkdirSync(closed);
    const script = `
      const { workspaceHash } = await import(${JSON.stringify(import.meta.resolve('../../../../src/infrastructure/files/home/home.ts'))});
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      try { workspaceHash(process.argv[1]); console.log('accepted'); }
      catch (error) { console.log(error.code + ' ' + error.message); }`;
    t.after(() => chmodSync(closed, 0o700));
    chmodSync(root, 0o755);
    for (const mode of [0o000, 0o444, 0o111]) {
      chmodSync(closed, mode);
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, closed], {
        encoding: 'utf8',
      });
      if (/EPERM/.test(child.stderr)) return t.skip('this root may not become another user');
      assert.match(
        child.stdout,
        /^INVALID_INPUT .*closed" cannot be read by this user: .*chmod/,
        child.stderr,
      );
    }
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../bin/maos.js', import.meta.url));

describe('the bundle', () => {
  // The build escapes all texts, but not the literals of regular expressions.
  it('is ASCII, because the launcher reads it as Latin-1', () => {
    const bundle = readFileSync(new URL('../../dist/maos.js', import.meta.url), 'utf8');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    assert.deepEqual(bundle.match(/.{0,40}[^\u0000-\u007f].{0,40}/g), null);
  });
});

describe('the code that the launcher keeps', () => {
  it('is kept by the first process of a command, and used by the next', (t) => {
    const place = installed(t, "const says = () => 'hello'; console.log(says());");
    assert.deepEqual(place.run(), { status: 0, stdout: 'hello\n', stderr: '' });
    const [kept, ...others] = place.kept();
    assert.match(kept ?? '', /maos\.js-version$/);
    assert.deepEqual(others, []);
    const before = statSync(place.file()).ino;
    assert.deepEqual(place.run(), { status: 0, stdout: 'hello\n', stderr: '' });
    assert.equal(statSync(place.file()).ino, before, 'it was not written again');
    if (process.platform !== 'win32') assert.equal(statSync(place.file()).mode & 0o777, 0o600);
  });

  it('is left alone once another version is there, even one of the same length and time', (t) => {
    const place = installed(t, "console.log('old');");
    assert.equal(place.run().stdout, 'old\n');
    const { atime, mtime } = statSync(place.bundle);
    writeFileSync(place.bundle, "console.log('new');");
    utimesSync(place.bundle, atime, mtime);
    assert.equal(place.run().stdout, 'new\n');
    assert.equal(place.run().stdout, 'new\n');
  });

  it('comes from the script alone, not from the page behind it', (t) => {
    const script = "console.log('script');";
    const place = installed(
      t,
      `${script}}} not JavaScript\n//page ${String(script.length).padStart(10, '0')}\n`,
    );
    assert.deepEqual(place.run(), { status: 0, stdout: 'script\n', stderr: '' });
  });

  it('is made anew where it is damaged, or others could have written it', (t) => {
    const place = installed(t, "console.log('hello');");
    place.run();
    const whole = readFileSync(place.file());
    for (const damaged of ['', '{', 'null\n', '{}\n', whole.subarray(0, whole.length - 100)]) {
      writeFileSync(place.file(), damaged);
      assert.deepEqual(place.run(), { status: 0, stdout: 'hello\n', stderr: '' });
      assert.equal(readFileSync(place.file()).length, whole.length);
    }
    if (process.platform === 'win32') return;
    chmodSync(place.file(), 0o666);
    place.run();
    assert.equal(statSync(place.file()).mode & 0o777, 0o600);
  });

  it('is not kept where a process fails, or Node is to keep none', (t) => {
    const place = installed(t, 'process.exitCode = 3;');
    assert.equal(place.run().status, 3);
    assert.deepEqual(place.kept(), []);
    const other = installed(t, '');
    assert.equal(other.run({ NODE_DISABLE_COMPILE_CACHE: '1' }).status, 0);
    assert.deepEqual(other.kept(), []);
  });

  it('is kept again when something is used for the first time', (t) => {
    const place = installed(t, "process[Symbol.for('maos.keepCode')](process.env.USE ?? 'start');");
    for (const USE of ['a tool', 'a tool', 'another']) assert.equal(place.run({ USE }).status, 0);
    const [head = ''] = readFileSync(place.file(), 'latin1').split('\n');
    assert.deepEqual(JSON.parse(head).uses, ['a tool', 'start', 'another']);
  });

  it('is kept again by a server after the first call of each tool', (t) => {
    const home = mkdtempSync(join(tmpdir(), 'maos-kept-code-'));
    t.after(() => rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
    const clientInfo = { name: 'test', version: '1' };
    const messages = [
      {
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
      },
      { method: 'notifications/initialized' },
      { id: 2, method: 'tools/call', params: { name: 'list-roles', arguments: {} } },
    ];
    const { status, stderr } = spawnSync(process.execPath, [launcher, 'serve'], {
      cwd: home,
      input: messages.map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`).join(''),
      encoding: 'utf8',
      env: { ...process.env, MAOS_HOME: join(home, 'home'), NODE_COMPILE_CACHE: join(home, 'cache') },
    });
    assert.equal(status, 0, stderr);
    const file = globSync(join(home, 'cache/*/*maos.js-serve'))[0] ?? 'nothing was kept';
    const [head = ''] = readFileSync(file, 'latin1').split('\n');
    assert.deepEqual(JSON.parse(head).uses, ['list-roles', 'start']);
  });
});

/** The launcher beside a bundle of the given content, with a cache of its own. */
function installed(t: TestContext, content: string) {
  const folder = mkdtempSync(join(tmpdir(), 'maos-kept-code-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const cache = join(folder, 'cache');
  const bundle = join(folder, 'dist/maos.js');
  for (const name of ['bin', 'dist', 'cache']) mkdirSync(join(folder, name));
  cpSync(launcher, join(folder, 'bin/maos.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(bundle, content);
  const kept = (): readonly string[] =>
    (readdirSync(cache, { recursive: true }) as string[]).filter((name) => name.includes('%2F'));
  return {
    bundle,
    kept,
    file: (): string => join(cache, kept()[0] ?? 'nothing was kept'),
    run(env: NodeJS.ProcessEnv = {}) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(folder, 'bin/maos.js'), 'version'],
        {
          encoding: 'utf8',
          env: { ...process.env, NODE_COMPILE_CACHE: cache, ...env },
        },
      );
      return { status, stdout, stderr };
    },
  };
}

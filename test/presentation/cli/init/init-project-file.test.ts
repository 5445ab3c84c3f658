import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { isMaosError } from '../../../../src/domain/errors.ts';
import { writeFileAtomic } from '../../../../src/infrastructure/files/disk/atomic.ts';
import { parseText } from '../../../../src/infrastructure/text-formats/parse-text.ts';
import {
  registerInProject,
  unregisterInProject,
} from '../../../../src/presentation/cli/init/project-file.ts';

const root = await realpath(await mkdtemp(join(tmpdir(), 'maos-mcp-json-')));
after(() => rm(root, { recursive: true, force: true }));

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'project-'));
  path = join(folder, '.mcp.json');
});

let writes = 0;
const deps = {
  parseText,
  replaceFile: (file: string, text: string, mode: number) => {
    writes += 1;
    return writeFileAtomic(file, text, { mode });
  },
};
const register = () => registerInProject(folder, sharedCommand, deps);
const unregister = () => unregisterInProject(folder, deps);
const read = () => readFile(path, 'utf8');
const servers = async () => JSON.parse(await read()).mcpServers;

/** The entry that `claude mcp add --scope project maos -- maos serve` writes. */
const sharedCommand = { command: 'maos', args: ['serve'] };
const entry = { type: 'stdio', command: 'maos', args: ['serve'], env: {} };

describe('.mcp.json', () => {
  it('is made, and not touched again', async () => {
    assert.deepEqual(await register(), { path, action: 'added', previous: null });
    assert.equal(await read(), `${JSON.stringify({ mcpServers: { maos: entry } }, null, 2)}\n`);
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    const before = writes;
    assert.deepEqual(await register(), { path, action: 'unchanged', previous: null });
    assert.equal(writes, before);
    assert.deepEqual(await readdir(folder), ['.mcp.json']);
  });

  it('keeps everything else: entries, unknown keys, their order, its mode and form', async () => {
    const others = { b: { type: 'http', url: 'http://127.0.0.1:1/mcp' }, a: { command: 'x', args: [] } };
    const content = { $schema: 's', mcpServers: others, z: [1, null, 'ä'] };
    const text = `\ufeff${JSON.stringify(content, null, '\t').replaceAll('\n', '\r\n')}`;
    await writeFile(path, text);
    await chmod(path, 0o640);
    await register();
    const expected = { ...content, mcpServers: { ...others, maos: entry } };
    assert.equal(await read(), `\ufeff${JSON.stringify(expected, null, '\t').replaceAll('\n', '\r\n')}`);
    assert.equal((await stat(path)).mode & 0o777, 0o640);
    assert.deepEqual(await unregister(), { path, action: 'removed', previous: 'maos serve' });
    assert.equal(await read(), text);
  });

  it('goes with the entry, if nothing else is in it and it is no link', async () => {
    await register();
    assert.deepEqual(await unregister(), {
      path,
      action: 'removed',
      previous: 'maos serve',
      fileRemoved: true,
    });
    assert.deepEqual(await readdir(folder), []);
    for (const content of [{ mcpServers: {}, note: 1 }, { mcpServers: { other: { command: 'x' } } }]) {
      await writeFile(path, JSON.stringify(content));
      await register();
      await unregister();
      assert.deepEqual(JSON.parse(await read()), content);
    }
  });

  it('may say the same in other words', async () => {
    for (const same of [
      { ...entry, env: { MAOS_HOME: '/x' } },
      { command: 'maos', args: entry.args },
    ]) {
      const text = JSON.stringify({ mcpServers: { maos: same } });
      await writeFile(path, text);
      assert.equal((await register()).action, 'unchanged');
      assert.equal(await read(), text);
    }
  });

  it('is brought to the wanted command from any other; what else the entry says stays', async () => {
    const env = { MAOS_HOME: '/x' };
    const cases: [before: unknown, previous: string, after: object][] = [
      [
        { command: 'npx', args: ['-y', 'maos', 'serve'], env, timeout: 5 },
        'npx -y maos serve',
        { ...entry, env, timeout: 5 },
      ],
      [{ command: 'maos' }, 'maos', { type: 'stdio', command: 'maos', args: entry.args }],
      [
        { type: 'http', url: 'http://127.0.0.1:1/mcp', headers: { Authorization: 'key' } },
        'http http://127.0.0.1:1/mcp',
        { type: 'stdio', command: 'maos', args: entry.args },
      ],
      [null, 'stdio', entry],
    ];
    for (const [before, previous, wanted] of cases) {
      await writeFile(path, JSON.stringify({ mcpServers: { maos: before } }));
      assert.deepEqual(await register(), { path, action: 'updated', previous });
      assert.deepEqual(await servers(), { maos: wanted });
    }
  });

  it('stays as it is where it has no such entry', async () => {
    const text = '{"mcpServers": {}}';
    await writeFile(path, text);
    assert.deepEqual(await unregister(), { path, action: 'absent', previous: null });
    assert.equal(await read(), text);
    await rm(path);
    assert.equal((await unregister()).action, 'absent');
    assert.deepEqual(await readdir(folder), []);
  });

  it('is written where a link to it leads', async () => {
    const target = join(folder, 'shared', 'mcp.json');
    await mkdir(join(folder, 'shared'));
    await writeFile(target, '{}');
    await symlink('shared/mcp.json', path);
    assert.deepEqual(await register(), { path: target, action: 'added', previous: null });
    assert.ok((await lstat(path)).isSymbolicLink());
    assert.deepEqual(JSON.parse(await readFile(target, 'utf8')), { mcpServers: { maos: entry } });
  });

  const broken: [text: string, message: RegExp][] = [
    ['', /line 1, column 1/],
    ['{\n  "mcpServers": {},\n}', /is not JSON at line 3, column 1: expected a key in double quotes\.$/],
    ['// a comment\n{}', /line 1, column 1/],
    ['[]', /not a JSON object/],
    ['{"mcpServers": []}', /"mcpServers" that is not an object/],
  ];
  for (const [text, message] of broken) {
    it(`is left alone when it holds ${JSON.stringify(text)}`, async () => {
      await writeFile(path, text);
      for (const change of [register, unregister]) {
        await assert.rejects(change(), (error) => {
          assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
          assert.ok(error.message.includes(JSON.stringify(path)));
          assert.match(error.message, message);
          return true;
        });
      }
      assert.equal(await read(), text);
    });
  }

  it('must be a file, in a folder', async () => {
    await mkdir(path);
    await assert.rejects(register(), /is not a file/);
    await rm(path, { recursive: true });
    await symlink('nowhere', path);
    await assert.rejects(register(), /is a link to a file that does not exist/);
    folder = join(folder, 'missing');
    await assert.rejects(register(), { code: 'INVALID_INPUT', message: /is not a folder/ });
  });
});

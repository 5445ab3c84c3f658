import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMaosError } from '../../../../src/domain/errors.ts';
import { readArtifactFile } from '../../../../src/infrastructure/files/artifacts/artifact-read.ts';
import { digestFile, scanFiles } from '../../../../src/infrastructure/files/artifacts/artifact-scan.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-artifacts-'));
after(() => rmSync(root, { recursive: true, force: true }));

const secret = join(root, 'secret');
writeFileSync(secret, 'secret');
let sessions = 0;

/** A session's folder with files in it. */
function session(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `session-${++sessions}`);
  for (const name of ['shared/context', 'shared/messages', 'results', 'agents']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** Other systems reject such names. */
const noBytes = process.platform === 'linux' ? false : 'names are text here';

const scan = async (folder: string, limit?: number): Promise<string[]> =>
  (await scanFiles(folder, ['shared/context', 'results'], limit === undefined ? {} : { limit })).files.map(
    (file) => file.path,
  );

describe('the scan', () => {
  it('finds regular files at any depth, sorted, and nothing else', async () => {
    const folder = session({
      'results/a/deep/er/x.txt': 'x',
      'results/.hidden': 'h',
      'results/new\nline': 'n',
      'shared/context/spec.md': 's',
      'results/.report.md.0123456789ab.tmp': 'half',
      'shared/context/spec.md.tmp.4711.0cc228d59823': 'half',
      'shared/context/spec.md.tmp.0cc228d5': 'half',
      'shared/context/spec.md.tmp': 'whole, for all one can tell',
    });
    symlinkSync(secret, join(folder, 'results/link'));
    symlinkSync(root, join(folder, 'results/folder-link'));
    symlinkSync('nowhere', join(folder, 'results/dangling'));
    execFileSync('mkfifo', [join(folder, 'results/pipe')]);
    const server = createServer().listen(join(folder, 'results/sock'));
    try {
      assert.deepEqual(await scan(folder), [
        'results/.hidden',
        'results/a/deep/er/x.txt',
        'results/new\nline',
        'shared/context/spec.md',
        'shared/context/spec.md.tmp',
      ]);
    } finally {
      server.close();
    }
  });

  it('finds names that are not UTF-8, and what has such a name can be read', { skip: noBytes }, async () => {
    const folder = session({ 'results/Größe 中.txt': 'text' });
    const inFolder = (...names: (string | Buffer)[]): Buffer =>
      Buffer.concat([Buffer.from(folder), ...names.flatMap((name) => [Buffer.from('/'), Buffer.from(name)])]);
    const latin = Buffer.from('caf\xe9 \xff\xc3.txt', 'latin1');
    mkdirSync(inFolder('results', latin));
    writeFileSync(inFolder('results', latin, latin), 'café');
    const { files, notes } = await scanFiles(folder, ['results']);
    const path = 'results/caf\\xE9 \\xFF\\xC3.txt/caf\\xE9 \\xFF\\xC3.txt';
    assert.deepEqual([files.map((file) => file.path), notes], [['results/Größe 中.txt', path].sort(), []]);
    const digest = await files.find((file) => file.path === path)?.digest();
    assert.equal(digest?.sizeBytes, 5);
    assert.equal(Buffer.from(await readArtifactFile(folder, path, 100)).toString(), 'café');
    // A path that decodes to another one must not leave the folder.
    for (const trick of [
      'results/\\x2E\\x2E/\\x2E\\x2E/secret',
      'results\\x2F..\\x2F..\\x2Fsecret/x',
      'results/a\\x00',
    ]) {
      await assert.rejects(readArtifactFile(folder, trick, 100), (error) => isMaosError(error));
    }
  });

  it("does not follow a link that took a folder's place", async () => {
    const folder = session({});
    rmSync(join(folder, 'results'), { recursive: true });
    symlinkSync(root, join(folder, 'results'));
    assert.deepEqual(await scan(folder), []);
  });

  it('stops at its limit with the topmost files, and says so', async () => {
    const deep = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`results/a/b/file-${index}`, '']),
    );
    const folder = session({ ...deep, 'results/top.md': 't', 'shared/context/spec.md': 's' });
    const { files, notes } = await scanFiles(folder, ['shared/context', 'results'], { limit: 10 });
    const paths = files.map((file) => file.path);
    assert.equal(paths.length, 10);
    assert.ok(paths.includes('results/top.md') && paths.includes('shared/context/spec.md'));
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /more than 10 files or folders; those after results\/a\/b\/file-/);
  });

  it('is bounded in empty folders too, and silent at exactly the limit', async () => {
    const folder = session({});
    for (let index = 0; index < 20; index++) mkdirSync(join(folder, 'results', `empty-${index}`));
    assert.equal((await scanFiles(folder, ['results'], { limit: 10 })).notes.length, 1);
    const full = session({ 'results/a': '', 'results/b': '', 'results/c': '' });
    assert.deepEqual((await scanFiles(full, ['results'], { limit: 3 })).notes, []);
  });

  it('hashes what a file holds, however large, and knows when there is none', async () => {
    const content = Buffer.alloc(700_001, 'maos');
    const folder = session({ 'results/empty': '' });
    writeFileSync(join(folder, 'results/large'), content);
    symlinkSync(secret, join(folder, 'results/link'));
    const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
    for (const [name, data] of Object.entries({ large: content, empty: '' })) {
      const expected = { sizeBytes: data.length, sha256: sha256(data), isSteady: true };
      assert.deepEqual(await digestFile(join(folder, 'results', name)), expected);
    }
    for (const name of ['link', 'gone', '.'])
      assert.equal(await digestFile(join(folder, 'results', name)), null, name);
  });

  it('tells when a file was written, replaced or removed while it was read', async () => {
    const changes: [(path: string) => void, found: boolean][] = [
      [(path) => appendFileSync(path, 'x'), true],
      [
        (path) => {
          writeFileSync(`${path}.new`, 'x');
          renameSync(`${path}.new`, path);
        },
        true,
      ],
      [(path) => rmSync(path, { force: true }), false],
    ];
    for (const [change, found] of changes) {
      const path = join(session({}), 'results/large');
      writeFileSync(path, Buffer.alloc(700_001, 'maos'));
      const reading = digestFile(path);
      let isRead = false;
      reading.finally(() => {
        isRead = true;
      });
      // In every turn of the event loop during the read.
      for (; !isRead; await nextTurn()) change(path);
      const digest = await reading;
      assert.equal(digest?.isSteady, found ? false : undefined, change.toString());
    }
  });
});

describe('reading an artifact', () => {
  const refusals: [path: string, code: string][] = [
    ['../secret', 'FORBIDDEN'],
    ['results/../../secret', 'FORBIDDEN'],
    ['results/..', 'FORBIDDEN'],
    ['results/folder/../a.md', 'FORBIDDEN'],
    ['/etc/passwd', 'FORBIDDEN'],
    ['//etc/passwd', 'FORBIDDEN'],
    ['C:/Windows/win.ini', 'FORBIDDEN'],
    ['agents/agent_tester_1_aaaaaa/prompt.md', 'FORBIDDEN'],
    ['metadata.json', 'FORBIDDEN'],
    ['RESULTS/a.md', 'FORBIDDEN'],
    ['%2e%2e/secret', 'FORBIDDEN'],
    ['..\\secret', 'FORBIDDEN'],
    ['', 'INVALID_INPUT'],
    ['results', 'INVALID_INPUT'],
    ['results/', 'INVALID_INPUT'],
    ['results//a.md', 'INVALID_INPUT'],
    ['results/./a.md', 'INVALID_INPUT'],
    ['results/a.md\0.png', 'INVALID_INPUT'],
    ['results/a.md\n', 'INVALID_INPUT'],
    ['results/a.md/b', 'INVALID_INPUT'],
    ['results/missing', 'INVALID_INPUT'],
    ['results/folder', 'INVALID_INPUT'],
    [`results/${'x'.repeat(300)}`, 'INVALID_INPUT'],
    [`results/${'x/'.repeat(3_000)}a`, 'INVALID_INPUT'],
  ];
  const folder = session({ 'results/a.md': 'content', 'results/folder/b.md': 'b', 'metadata.json': '{}' });
  for (const [path, code] of refusals) {
    it(`refuses ${JSON.stringify(path.slice(0, 60))}`, async () => {
      await assert.rejects(readArtifactFile(folder, path, 1_000), (error) => {
        assert.ok(isMaosError(error, code as 'FORBIDDEN'), String(error));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may reach a terminal
        assert.doesNotMatch(error.message, /[\u0000-\u001f]/);
        return true;
      });
    });
  }

  it('gives the whole content, also of a name with a line break', async () => {
    const read = async (path: string): Promise<string> =>
      Buffer.from(await readArtifactFile(folder, path, 7)).toString();
    assert.equal(await read('results/a.md'), 'content');
    writeFileSync(join(folder, 'results/new\nline'), 'n');
    assert.equal(await read('results/new\nline'), 'n');
    writeFileSync(join(folder, 'results/..dots..'), 'dots');
    assert.equal(await read('results/..dots..'), 'dots');
  });

  it('refuses more bytes than asked for, saying how many there are', async () => {
    await assert.rejects(readArtifactFile(folder, 'results/a.md', 6), (error) => {
      return isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED') && /7 bytes.*at most 6/.test(error.message);
    });
  });

  it('follows links that stay inside, and none that lead out', async () => {
    const linked = session({ 'results/a.md': 'inside', 'metadata.json': '{}', 'shared/context/c.md': 'c' });
    const link = (target: string, path: string): void => symlinkSync(target, join(linked, path));
    link('a.md', 'results/inside');
    link(secret, 'results/absolute');
    link('../../secret', 'results/relative');
    link(root, 'results/folder');
    link('../metadata.json', 'results/metadata');
    link('../shared/context/c.md', 'results/neighbour');
    link('self', 'results/self');
    assert.equal(Buffer.from(await readArtifactFile(linked, 'results/inside', 100)).toString(), 'inside');
    for (const path of ['absolute', 'relative', 'folder/secret', 'metadata', 'neighbour', 'self']) {
      await assert.rejects(readArtifactFile(linked, `results/${path}`, 100), { code: 'FORBIDDEN' }, path);
    }
  });

  it('does not hang on a pipe, nor read from a socket', async () => {
    execFileSync('mkfifo', [join(folder, 'results/pipe')]);
    const server = createServer().listen(join(folder, 'results/sock'));
    try {
      for (const name of ['pipe', 'sock']) {
        await assert.rejects(
          readArtifactFile(folder, `results/${name}`, 100),
          { code: 'INVALID_INPUT' },
          name,
        );
      }
    } finally {
      server.close();
    }
  });

  it('never gives the secret while links are exchanged under it', async (t) => {
    if (process.platform !== 'linux') return t.skip('only Linux tells the path of an open file');
    const raced = session({ 'results/inner/secret': 'harmless' });
    const inner = join(raced, 'results/inner');
    symlinkSync(root, join(raced, 'out'));
    let swapping = true;
    const someTicks = async (): Promise<void> => {
      for (let tick = Math.random() * 6; tick > 0; tick--) await new Promise(setImmediate);
    };
    const swapper = (async () => {
      while (swapping) {
        renameSync(inner, join(raced, 'kept'));
        renameSync(join(raced, 'out'), inner);
        await someTicks();
        renameSync(inner, join(raced, 'out'));
        renameSync(join(raced, 'kept'), inner);
        await someTicks();
      }
    })();
    const seen = new Set<string>();
    for (let round = 0; round < 400; round++) {
      const result = await readArtifactFile(raced, 'results/inner/secret', 100).catch((error: unknown) => {
        assert.ok(isMaosError(error), String(error));
        return Buffer.from(error.code);
      });
      seen.add(Buffer.from(result).toString());
    }
    swapping = false;
    await swapper;
    assert.ok(seen.has('harmless') && seen.size > 1, `the race was not run: ${[...seen]}`);
    assert.ok(!seen.has('secret'));
  });

  it('reads a hard link: it is a file of the folder like any other', async () => {
    linkSync(join(folder, 'results/a.md'), join(folder, 'results/hard'));
    assert.equal((await readArtifactFile(folder, 'results/hard', 100)).length, 7);
  });
});

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exportSession } from '../../../src/application/maintenance/export.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import { endedSession } from '../../helpers/ended-sessions.ts';
import { makeRepository } from '../../helpers/git-project.ts';
import { realProject, run, shell } from '../../helpers/real-project.ts';

interface Manifest {
  readonly session: string;
  readonly lastHash: string;
  readonly files: readonly { path: string; bytes?: number; sha256?: string; link?: string }[];
  readonly notes: readonly { path: string; note: string }[];
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Other systems reject names that are not UTF-8. */
const noBytes = process.platform === 'linux' ? false : 'names are text here';

describe('an archive of a session', () => {
  it('holds everything, as system tar unpacks it, with the hash of every file', async (t) => {
    const real = realProject(t);
    const deep = `${'d'.repeat(90)}/${'e'.repeat(90)}/Größe-${'n'.repeat(100)}.txt`;
    const command = `echo hello; mkdir -p "$MAOS_SHARED_CONTEXT/$(dirname '${deep}')"; echo deep >"$MAOS_SHARED_CONTEXT/${deep}"`;
    const { id, events } = await run(real, [shell('a', command)]);
    const folder = real.project.files.describe(id);
    symlinkSync('out.txt', join(folder, 'results', 'link'));
    execFileSync('mkfifo', [join(folder, 'results', 'pipe')]);
    mkdirSync(join(folder, 'results', 'empty'));
    const to = join(real.root, 'session.tar.gz');
    const report = await exportSession(real.project, id, to, { replace: false, version: '1.2.3' });
    assert.equal(statSync(to).mode & 0o777, 0o600);
    assert.equal(report.archiveBytes, statSync(to).size);

    const out = join(real.root, 'out');
    mkdirSync(out);
    const { status, stderr } = spawnSync('tar', ['-xzf', to, '-C', out], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const unpacked = join(out, id);
    const manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8')) as Manifest;
    for (const { path, bytes, sha256: expected, link } of manifest.files) {
      if (link !== undefined) continue;
      assert.equal(statSync(join(unpacked, path)).size, bytes, path);
      assert.equal(sha256(join(unpacked, path)), expected, path);
    }
    const paths = manifest.files.map(({ path }) => path);
    const agent = readdirSync(join(folder, 'agents'))[0];
    for (const path of [
      'metadata.json',
      'session.log',
      'session.json',
      'events.json',
      `agents/${agent}/stdout.log`,
      `agents/${agent}/prompt.md`,
      `agents/${agent}/exit.json`,
      `shared/context/${deep}`,
      'results/link',
    ]) {
      assert.ok(paths.includes(path), path);
    }
    assert.ok(paths.some((path) => path.startsWith('checkpoints/')));
    assert.ok(existsSync(join(unpacked, 'results', 'empty')));
    assert.deepEqual(manifest.notes, [
      { path: 'results/pipe', note: 'not packed: not a file, folder or link' },
    ]);
    assert.equal(
      spawnSync('diff', ['-r', '--no-dereference', join(folder, 'agents'), join(unpacked, 'agents')]).status,
      0,
    );

    const told = JSON.parse(readFileSync(join(unpacked, 'events.json'), 'utf8'));
    assert.deepEqual(
      told.map(({ hash: _, ...event }: { hash: string }) => event),
      events,
    );
    assert.equal(told.at(-1).hash, manifest.lastHash);
    const stored = JSON.parse(readFileSync(join(unpacked, 'session.json'), 'utf8'));
    assert.deepEqual(stored.workflow, real.project.store.load(id));
  });

  it('says that the folder of the session is gone', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const folder = real.project.files.describe(id);
    rmSync(folder, { recursive: true });
    const to = join(real.root, 'session.tar.gz');
    const { notes } = await exportSession(real.project, id, to, { replace: false, version: '1' });
    assert.deepEqual(notes, [
      {
        path: folder,
        note: 'the folder of the session is missing: only its records in the database are packed',
      },
    ]);
  });

  it('names what it cannot pack as it is, and packs the rest', { skip: noBytes }, async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const results = join(real.project.files.describe(id), 'results');
    const latin = Buffer.from('caf\xe9', 'latin1');
    const inResults = (...names: readonly Buffer[]): Buffer =>
      Buffer.concat([Buffer.from(results), ...names.flatMap((name) => [Buffer.from('/'), name])]);
    mkdirSync(inResults(latin));
    writeFileSync(inResults(latin, latin), 'café');
    symlinkSync(latin, join(results, 'link'));
    writeFileSync(join(results, 'old'), 'old');
    utimesSync(join(results, 'old'), new Date(-5e12), new Date(-5e12));
    writeFileSync(join(results, 'new\nline'), 'new');
    utimesSync(join(results, 'new\nline'), new Date(9e12), new Date(9e12));
    const deep = `process.chdir(process.argv[1]);
      for (let level = 0; level < 120; level++) { fs.mkdirSync('d'.repeat(40)); process.chdir('d'.repeat(40)); }`;
    execFileSync(process.execPath, ['-e', deep, results]);
    const to = join(real.root, 'session.tar.gz');
    const report = await exportSession(real.project, id, to, { replace: false, version: '1' });
    // Node's own removal cannot handle paths of this depth.
    t.after(() => execFileSync('rm', ['-rf', results]));

    const out = join(real.root, 'out');
    mkdirSync(out);
    const { status, stderr } = spawnSync('tar', ['-xzf', to, '-C', out], { encoding: 'utf8' });
    // Except for the note about the file from the future, tar prints nothing.
    assert.deepEqual([status, stderr.replace(/^tar: .*\n.*in the future\n/, '')], [0, '']);
    const at = (path: string): string => join(out, id, path);
    const name = 'results/caf\\xE9';
    const manifest = JSON.parse(readFileSync(at('manifest.json'), 'utf8')) as Manifest;
    const packed = manifest.files.find(({ path }) => path === `${name}/caf\\xE9`);
    assert.equal(packed?.sha256, sha256(at(`${name}/caf\\xE9`)));
    assert.equal(readFileSync(at(`${name}/caf\\xE9`), 'latin1'), Buffer.from('café').toString('latin1'));
    assert.equal(manifest.files.find(({ path }) => path === 'results/link')?.link, 'caf\\xE9');
    assert.equal(readFileSync(at('results/old'), 'utf8'), 'old');
    assert.equal(readFileSync(at('results/new\nline'), 'utf8'), 'new');
    const notUtf8 = 'its name is not UTF-8: \\x marks bytes that are not text';
    const [first, second, tooDeep, ...rest] = report.notes;
    assert.deepEqual(
      [first, second, tooDeep?.note, rest],
      [
        { path: name, note: notUtf8 },
        { path: `${name}/caf\\xE9`, note: notUtf8 },
        'not packed: ENAMETOOLONG',
        [],
      ],
    );
    assert.deepEqual(manifest.notes, report.notes);
  });

  it('replaces nothing unless told so, and leaves nothing where it fails', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const to = join(real.root, 'out.tar.gz');
    writeFileSync(to, 'mine');
    const options = { replace: false, version: '1' };
    await assert.rejects(exportSession(real.project, id, to, options), (error) =>
      isMaosError(error, 'INVALID_INPUT'),
    );
    assert.equal(readFileSync(to, 'utf8'), 'mine');
    await exportSession(real.project, id, to, { ...options, replace: true });
    assert.notEqual(readFileSync(to, 'utf8'), 'mine');
    const nowhere = join(real.root, 'missing', 'out.tar.gz');
    const wrong: [to: string, words: RegExp][] = [
      [nowhere, /missing" is not a folder: create it/],
      [join(to, 'x'), /out\.tar\.gz" is not a folder/],
      [real.root, /is a folder: name the file in it/],
      [join(real.root, 'n'.repeat(300)), /too long/],
    ];
    for (const [path, words] of wrong) {
      for (const replace of [false, true]) {
        await assert.rejects(exportSession(real.project, id, path, { ...options, replace }), (error) => {
          assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
          assert.match(error.message, words);
          return true;
        });
      }
    }
    const stopped = AbortSignal.abort();
    const other = join(real.root, 'other.tar.gz');
    await assert.rejects(exportSession(real.project, id, other, { ...options, signal: stopped }));
    assert.deepEqual(readdirSync(real.root), ['out.tar.gz']);
  });

  it('goes into what is no file as it comes, which stays what it is', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const device = join(real.root, 'device');
    execFileSync('mkfifo', [device]);
    const out = join(real.root, 'out.tar.gz');
    const reader = spawn('sh', ['-c', 'cat "$0" >"$1"', device, out]);
    const read = once(reader, 'exit');
    const report = await exportSession(real.project, id, device, { replace: true, version: '1' });
    await read;
    assert.ok(statSync(device).isFIFO());
    assert.equal(report.archiveBytes, statSync(out).size);
    assert.equal(spawnSync('tar', ['-tzf', out]).status, 0);
  });

  it('goes piece by piece to whoever takes it, no faster than that', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'head -c 3000000 /dev/urandom >"$MAOS_SHARED_CONTEXT/big"')]);
    const pieces: Uint8Array[] = [];
    let taking = 0;
    const sink = async (piece: Uint8Array) => {
      assert.equal(taking, 0);
      taking += 1;
      await new Promise((resolve) => setImmediate(resolve));
      pieces.push(piece);
      taking -= 1;
    };
    const report = await exportSession(real.project, id, sink, { replace: false, version: '1' });
    assert.deepEqual([report.path, report.archiveBytes], [null, Buffer.concat(pieces).length]);
    assert.equal(spawnSync('tar', ['-tz'], { input: Buffer.concat(pieces) }).status, 0);
    const gone = new Error('gone');
    const broken = () => Promise.reject(gone);
    await assert.rejects(exportSession(real.project, id, broken, { replace: false, version: '1' }), gone);
  });

  it('is written piece by piece, whatever its size', async (t) => {
    const real = realProject(t);
    const { id } = await run(real, [shell('a', 'echo one')]);
    const hole = join(real.project.files.describe(id), 'results', 'hole.bin');
    writeFileSync(hole, '');
    const bytes = 250_000_000;
    truncateSync(hole, bytes);
    let peak = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 20);
    const to = join(real.root, 'large.tar.gz');
    const report = await exportSession(real.project, id, to, { replace: false, version: '1' });
    clearInterval(watch);
    assert.ok(report.contentBytes > bytes);
    assert.ok(peak > 0 && peak - before < 120_000_000, `memory grew by ${peak - before}`);
    assert.equal(spawnSync('tar', ['-tzf', to]).status, 0);
  });
});

describe('an archive of a session with worktrees', () => {
  it('leaves them and checkouts out, and has the logs of checks', async (t) => {
    const real = realProject(t);
    const commit = makeRepository(real.root);
    const id = endedSession(real, '2026-01-01T00:00:00.000Z', { commit });
    const folder = real.project.files.describe(id);
    const [agent] = real.project.store.load(id).agents;
    const place = join(folder, 'agents', agent?.id ?? '');
    for (const path of ['worktree/node_modules', 'worktree.removed/a', 'checks/1/tree', 'results']) {
      mkdirSync(join(place, path), { recursive: true });
      writeFileSync(join(place, path, 'file'), 'x');
    }
    writeFileSync(join(place, 'checks', '1', 'stdout.log'), 'passed');
    const to = join(real.root, 'session.tar.gz');
    await exportSession(real.project, id, to, { replace: false, version: '1' });
    const names = execFileSync('tar', ['-tzf', to], { encoding: 'utf8' }).split('\n');
    const ofAgent = names
      .flatMap((name) => name.split(`${agent?.id}/`)[1] ?? [])
      .filter((name) => name !== '');
    assert.deepEqual(ofAgent, ['checks/', 'checks/1/', 'checks/1/stdout.log', 'results/', 'results/file']);
    const manifest = execFileSync('tar', ['-xzOf', to, `${id}/manifest.json`], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(manifest).worktrees, []);
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ScratchRepository } from './scratch-repository.ts';

/** What a file of a test is: its text or bytes, a program, a link, the commit of a submodule, or nothing. */
export type TestFile =
  | string
  | Buffer
  | { readonly program: string }
  | { readonly link: string }
  | { readonly submodule: string }
  | null;

export type TestFiles = Readonly<Record<string, TestFile>>;

/** A repository whose commits are given as files, and git in it as its oracle. */
export class HistoryRepository extends ScratchRepository {
  /** The first commit. */
  readonly base: string;

  constructor(base: TestFiles | HistoryRepository = { 'a.txt': '1\n2\n3\n4\n5\n' }, name = 'a project') {
    super(name, {});
    if (base instanceof HistoryRepository) {
      rmSync(this.folder, { recursive: true });
      cpSync(base.folder, this.folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    }
    this.base = base instanceof HistoryRepository ? base.base : this.commit(base);
  }

  /** Another repository with the same commits and checkout. */
  copy(): HistoryRepository {
    return new HistoryRepository(this);
  }

  /** Any exit status. */
  tryGit(...args: readonly string[]) {
    return this.tryGitIn(this.folder, ...args);
  }

  tryGitIn(cwd: string, ...args: readonly string[]) {
    return spawnSync('git', args, { cwd, env: this.environment, encoding: 'utf8', maxBuffer: 2 ** 28 });
  }

  /** Writes files into the checkout; null removes. */
  writeAll(files: TestFiles, folder = this.folder): void {
    writeFiles(files, folder);
  }

  /** Commits the files onto what is checked out. @returns the commit */
  commit(files: TestFiles, folder = this.folder): string {
    this.writeAll(files, folder);
    this.gitIn(folder, 'add', '--all', '--force');
    for (const [path, file] of Object.entries(files)) {
      if (file !== null && typeof file === 'object' && 'submodule' in file) {
        this.gitIn(folder, 'update-index', '--add', '--cacheinfo', `160000,${file.submodule},${path}`);
      }
    }
    this.gitIn(folder, 'commit', '--quiet', '--allow-empty', '--no-verify', '-m', 'A commit');
    return this.gitIn(folder, 'rev-parse', 'HEAD');
  }

  /** Commits the files onto `base` on a branch, and checks `main` out again. @returns the commit */
  commitOn(base: string, branch: string, files: TestFiles): string {
    this.git('checkout', '--quiet', '--force', '-B', branch, base);
    const commit = this.commit(files);
    this.git('checkout', '--quiet', '--force', 'main');
    const left = this.tryGit('clean', '-ffdqx');
    assert.equal(left.status, 0, left.stderr);
    return commit;
  }

  show(commit: string, path: string): string {
    return this.git('show', `${commit}:${path}`);
  }
}

export function writeFiles(files: TestFiles, folder: string): void {
  for (const [path, file] of Object.entries(files)) writeTestFile(join(folder, path), file);
}

function writeTestFile(at: string, file: TestFile): void {
  // Below a file or link, there is nothing to remove, perhaps not even a path.
  if (file === null && !isFolder(dirname(at))) return;
  if (file !== null) mkdirFor(dirname(at));
  rmSync(at, { recursive: true, force: true });
  if (file === null) return;
  if (typeof file === 'string' || Buffer.isBuffer(file)) writeFileSync(at, file);
  else if ('link' in file) symlinkSync(file.link, at);
  else if ('submodule' in file) mkdirSync(at);
  else {
    writeFileSync(at, file.program);
    chmodSync(at, 0o755);
  }
}

/** Files and links in the way give way to folders. */
function mkdirFor(folder: string): void {
  if (isFolder(folder)) return;
  mkdirFor(dirname(folder));
  rmSync(folder, { force: true });
  mkdirSync(folder);
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    // Nothing is there, or a file is in the place of a folder above it.
    return false;
  }
}

/** Everything in a folder but `.git`: path, kind and content. */
export function filesIn(folder: string, below = ''): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(join(folder, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    if (path === '.git') continue;
    const found = lstatSync(join(folder, path));
    if (found.isDirectory()) Object.assign(files, filesIn(folder, path));
    else if (found.isSymbolicLink()) files[path] = `-> ${readlinkSync(join(folder, path))}`;
    else files[path] = `${(found.mode & 0o111) !== 0} ${readFileSync(join(folder, path), 'latin1')}`;
  }
  return files;
}

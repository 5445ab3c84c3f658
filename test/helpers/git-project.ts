import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The user's own git in a test's repository, without the configuration of the machine's user. */
export function gitIn(folder: string, ...args: readonly string[]): string {
  const config = [
    'user.name=Ann',
    'user.email=ann@example.org',
    'init.defaultBranch=main',
    'commit.gpgSign=false',
  ];
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
  };
  const all = [...config.flatMap((setting) => ['-c', setting]), ...args];
  return execFileSync('git', all, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' }).replace(/\n$/, '');
}

/** Makes the folder a repository with one commit. @returns its id */
export function makeRepository(
  folder: string,
  files: Readonly<Record<string, string>> = { 'a.txt': 'one\n' },
): string {
  mkdirSync(folder, { recursive: true });
  gitIn(folder, 'init', '-q');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  gitIn(folder, 'add', '-A');
  gitIn(folder, 'commit', '-q', '--allow-empty', '-m', 'First');
  return gitIn(folder, 'rev-parse', 'HEAD');
}

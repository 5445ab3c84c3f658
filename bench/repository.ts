import { execFileSync } from 'node:child_process';

/** A repository with one commit of that many files, checked out. */
export function makeRepository(folder: string, files: number): void {
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'config', 'user.name', 'Bench');
  git(folder, 'config', 'user.email', 'bench@localhost');
  const content = 'x'.repeat(1_000);
  const lines = [
    'commit refs/heads/main',
    'committer Bench <bench@localhost> 1700000000 +0000',
    'data 5',
    'Base.',
  ];
  for (let file = 0; file < files; file += 1) {
    lines.push(`M 100644 inline folder-${file % 100}/file-${file}.txt`, `data ${content.length + 6}`);
    lines.push(`${String(file).padStart(6)}${content}`);
  }
  execFileSync('git', ['fast-import', '--quiet'], { cwd: folder, input: `${lines.join('\n')}\n` });
  git(folder, 'reset', '--quiet', '--hard', 'main');
}

export function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync('git', [...args], { cwd, encoding: 'utf8' }).trim();
}

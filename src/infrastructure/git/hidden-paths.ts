import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repository } from './repository.ts';
import type { Git } from './run-git.ts';

const none: ReadonlySet<string> = new Set();

/** By the folder of the checkout's repository: the index, as it was left, that hides nothing. */
const plain = new WeakMap<Git, Map<string, string>>();
const mostRemembered = 64;

/** Paths whose changes `git status` does not show. Hold the lock of the index. */
export async function hiddenPaths(repository: Repository, gitDir: string): Promise<ReadonlySet<string>> {
  const known = plain.get(repository.git)?.get(gitDir);
  if (known !== undefined && known === (await printOf(gitDir))) return none;
  const lines = await repository.names(['ls-files', '-z', '-v']);
  // `H path`; S: skip-worktree; lower case: assume-unchanged.
  return new Set(lines.filter((line) => /^[a-zS] /s.test(line)).map((line) => line.slice(2)));
}

/**
 * Saves the next move a process: the index is one that git has made from one that hides nothing. Hold its lock, because
 * whoever changes it later makes another file.
 */
export async function rememberPlain(repository: Repository, gitDir: string): Promise<void> {
  const isSparse = ![null, 'false'].includes(repository.config.value('core.sparsecheckout'));
  if (isSparse) return;
  const known = plain.get(repository.git) ?? new Map<string, string>();
  plain.set(repository.git, known);
  if (known.size >= mostRemembered) known.clear();
  known.set(gitDir, (await printOf(gitDir)) ?? '');
}

/** Null if it cannot be looked at: then git tells. */
async function printOf(gitDir: string): Promise<string | null> {
  const found = await stat(join(gitDir, 'index'), { bigint: true }).catch(() => null);
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
}

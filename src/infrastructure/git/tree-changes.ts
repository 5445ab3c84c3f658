import type { DiffStat } from '../../domain/worktree.ts';
import type { Repository } from './repository.ts';

/** What a tree has at a path: a file, a symbolic link, or the commit of a submodule. */
export interface TreeEntry {
  /** As git writes it: `100644`, `100755`, `120000`, `160000`. */
  readonly mode: string;
  readonly id: string;
}

export interface TreeChange {
  /** Every byte is one character, because a path need not be text; see `file-names.ts`. */
  readonly path: string;
  /** Null: the tree has nothing there. */
  readonly before: TreeEntry | null;
  readonly after: TreeEntry | null;
}

/** Arguments of git, to be followed by two commits or trees, for {@link parseChanges}. */
export const changesCommand = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-ext-diff'] as const;

/** The changes between two trees, in git's order. Submodules and links are entries like files. */
export function parseChanges(output: Buffer): readonly TreeChange[] {
  return changesOf(output.toString('latin1').split('\0'));
}

/** The changes between two trees, and their size, in which a renamed file counts once. */
export async function measureChanges(
  repository: Repository,
  before: string,
  after: string,
): Promise<{ readonly changes: readonly TreeChange[]; readonly stat: DiffStat }> {
  const args = ['diff-tree', '-r', '-z', '--raw', '--shortstat', '-M', ...['--no-ext-diff', '--no-textconv']];
  const fields = (await repository.bytes([...args, before, after])).toString('latin1').split('\0');
  return { changes: changesOf(fields), stat: parseStat(fields.at(-1) ?? '') };
}

/** The line that `--shortstat` prints; an empty one if nothing has changed. */
export function parseStat(line: string): DiffStat {
  const count = (what: RegExp): number => Number(what.exec(line)?.[1] ?? 0);
  return {
    files: count(/(\d+) files? changed/),
    insertions: count(/(\d+) insertions?/),
    deletions: count(/(\d+) deletions?/),
  };
}

/** @param fields the last one ends nothing */
function changesOf(fields: readonly string[]): readonly TreeChange[] {
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    // `:100644 100755 ID ID M`
    const [modeBefore, modeAfter, idBefore, idAfter, kind] = (fields[at] as string).slice(1).split(' ');
    const [before, after] = [entry(modeBefore, idBefore), entry(modeAfter, idAfter)];
    const path = fields[at + 1] as string;
    if (kind?.startsWith('R')) {
      changes.push({ path, before, after: null }, { path: fields[at + 2] as string, before: null, after });
      at += 1;
    } else changes.push({ path, before, after });
  }
  return changes;
}

function entry(mode = '', id = ''): TreeEntry | null {
  return /^0+$/.test(mode) ? null : { mode, id };
}

export function isSubmodule(entry: TreeEntry | null): boolean {
  return entry?.mode === '160000';
}

/** Every folder above a path, from its parent up. */
export function foldersAbove(path: string): readonly string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, names.length - index).join('/'));
}

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
  const fields = output.toString('latin1').split('\0');
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    // `:100644 100755 ID ID M`
    const [modeBefore, modeAfter, idBefore, idAfter] = (fields[at] as string).slice(1).split(' ');
    changes.push({
      path: fields[at + 1] as string,
      before: entry(modeBefore, idBefore),
      after: entry(modeAfter, idAfter),
    });
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

import { createHash, type Hash } from 'node:crypto';
import { MaosError } from '../../domain/errors.ts';
import type { Repository } from './repository.ts';

export interface ListedObject {
  readonly type: string;
  readonly id: string;
  /** Relative to the top, with every byte one character: see `file-names.ts`. */
  readonly path: string;
}

/**
 * Compares objects of commits with their names.
 *
 * Problem: git computes an object's name from its content when it writes it, but not when it reads it. Who can write to
 * `.git/objects` can have a check see other files than the commit names.
 * Solution: hash what git reads: the commits, all folders, and the files that matter.
 * @param matters for files; folders always do
 * @throws MaosError INVALID_INPUT with the first object that has other content
 */
export async function verifyObjects(
  repository: Repository,
  commits: readonly string[],
  matters: (file: ListedObject) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  const ids = new Set(commits);
  for (const commit of commits) {
    for (const object of await listObjects(repository, commit)) {
      if (object.type === 'tree' || (object.type === 'blob' && matters(object))) ids.add(object.id);
    }
  }
  const reader = new ObjectReader();
  await repository.succeed(['cat-file', '--batch', '--buffer'], {
    input: `${[...ids].join('\n')}\n`,
    onOutput: (piece) => reader.read(piece),
    signal,
  });
  const [wrong] = reader.wrong;
  if (wrong === undefined) return;
  throw new MaosError(
    'INVALID_INPUT',
    `Object ${wrong} of the repository is missing or has other content than its name stands for. Something has changed files in .git/objects. "git fsck" lists such objects.`,
    { details: { object: wrong } },
  );
}

/** What a commit's tree contains, without the root. */
async function listObjects(repository: Repository, commit: string): Promise<ListedObject[]> {
  // `100644 blob ID\tpath`
  const entries = await repository.names(['ls-tree', '-r', '-t', '-z', '--full-tree', commit]);
  const root = await repository.text(['rev-parse', `${commit}^{tree}`]);
  const listed = entries.map((entry) => {
    const tab = entry.indexOf('\t');
    const [, type = '', id = ''] = entry.slice(0, tab).split(' ');
    return { type, id, path: entry.slice(tab + 1) };
  });
  return [{ type: 'tree', id: root, path: '' }, ...listed];
}

const lineFeed = 0x0a;

/** Reads what `git cat-file --batch` prints, in pieces of any size: `ID type size`, then the content, each with a line feed. */
class ObjectReader {
  readonly wrong: string[] = [];
  #header = '';
  #object: { readonly id: string; readonly hash: Hash; left: number } | null = null;

  read(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      at = this.#object === null ? this.#readHeader(piece, at) : this.#readContent(this.#object, piece, at);
    }
  }

  #readHeader(piece: Buffer, from: number): number {
    const end = piece.indexOf(lineFeed, from);
    this.#header += piece.toString('latin1', from, end === -1 ? piece.length : end);
    if (end === -1) return piece.length;
    const [id = '', type = '', size] = this.#header.split(' ');
    this.#header = '';
    if (size === undefined) {
      this.wrong.push(id);
    } else {
      const hash = createHash(id.length === 64 ? 'sha256' : 'sha1').update(`${type} ${size}\0`);
      this.#object = { id, hash, left: Number(size) };
    }
    return end + 1;
  }

  #readContent(
    object: { readonly id: string; readonly hash: Hash; left: number },
    piece: Buffer,
    from: number,
  ): number {
    const content = piece.subarray(from, from + object.left);
    object.hash.update(content);
    object.left -= content.length;
    const end = from + content.length;
    if (object.left > 0 || end === piece.length) return end;
    if (object.hash.digest('hex') !== object.id) this.wrong.push(object.id);
    this.#object = null;
    // After the line feed that ends the content.
    return end + 1;
  }
}

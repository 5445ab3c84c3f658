import { bytesOfName } from '../files/disk/file-names.ts';
import type { Repository } from './repository.ts';
import type { TreeChange } from './tree-changes.ts';

/** The tree of a commit in an index of its own. */
export interface IndexedTree {
  /** Takes back changes. */
  restore(changes: readonly TreeChange[]): Promise<void>;
  /** What git would do to the files on check-out, one text for each path. */
  conversions(paths: readonly string[]): Promise<readonly string[]>;
  /** @returns the id of the tree */
  write(): Promise<string>;
}

const conversionAttributes = ['text', 'eol', 'crlf', 'ident', 'filter', 'working-tree-encoding'];

/** @param file the index; must not exist */
export async function indexTree(repository: Repository, file: string, tree: string): Promise<IndexedTree> {
  const env = { GIT_INDEX_FILE: file };
  await repository.succeed(['read-tree', tree], { env });
  return {
    restore: async (changes) => {
      // What is removed makes room: a file may have taken the place of a folder.
      const removals = changes.filter(({ before }) => before === null);
      const lines = [...removals, ...changes.filter(({ before }) => before !== null)].map(
        ({ path, before }) => `${before?.mode ?? 0} ${before?.id ?? '0'.repeat(tree.length)}\t${path}\0`,
      );
      await repository.succeed(['update-index', '-z', '--index-info'], {
        input: bytesOfName(lines.join('')),
        env,
      });
    },
    conversions: async (paths) => {
      const fields = await repository.names(
        ['check-attr', '--cached', '-z', '--stdin', ...conversionAttributes],
        { input: bytesOfName(paths.map((path) => `${path}\0`).join('')), env },
      );
      // Path, attribute and value of each.
      const size = 3 * conversionAttributes.length;
      return paths.map((_, at) => fields.slice(at * size, (at + 1) * size).join('\0'));
    },
    write: () => repository.text(['write-tree'], { env }),
  };
}

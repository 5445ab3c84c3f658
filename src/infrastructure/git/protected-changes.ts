import { covers, pathPattern } from '../../domain/path-pattern.ts';
import { bytesOfName, textOfName } from '../files/disk/file-names.ts';
import type { Repository } from './repository.ts';
import type { RepositoryConfig } from './repository-config.ts';
import { changesCommand, foldersAbove, isSubmodule, parseChanges, type TreeChange } from './tree-changes.ts';
import type { IndexedTree } from './tree-index.ts';

interface Protection {
  readonly repository: Repository;
  readonly index: (name: string, tree: string) => Promise<IndexedTree>;
  readonly commit: string;
  readonly base: string;
  /** As of path claims, relative to the top of the repository: see `path-pattern.ts`. */
  readonly globs: readonly string[];
}

/**
 * The changes from `base` to `commit` that must be taken back, so that the protected paths are as in `base` after a
 * check-out: also what stands where their folders were, and attributes that would change their content.
 * @throws MaosError INVALID_INPUT for a glob that is no pattern
 */
export async function protectedChanges(protection: Protection): Promise<readonly TreeChange[]> {
  const { repository, commit, base, globs } = protection;
  const changes = parseChanges(await repository.bytes([...changesCommand, base, commit]));
  const isProtected = pathMatcher(globs, repository.config);
  const found = new Set(changes.filter(({ path }) => isProtected(path)));
  const changed = new Map(changes.map((change) => [change.path, change]));
  for (const { path, before } of [...found]) {
    const blocking = before === null ? [] : foldersAbove(path).map((above) => changed.get(above));
    for (const change of blocking) if (change !== undefined && change.after !== null) found.add(change);
  }
  const modules = changed.get('.gitmodules');
  if (modules !== undefined && (await hasProtectedSubmodule(protection, isProtected))) found.add(modules);
  const attributes = changes.filter((change) => isAttributes(change) && !found.has(change));
  if (attributes.length > 0) {
    for (const change of await convertingAttributes(protection, attributes, [...found], isProtected)) {
      found.add(change);
    }
  }
  return changes.filter((change) => found.has(change));
}

/** Where upper and lower case are one to git, a file of another case would take a protected one's place. */
export function pathMatcher(
  globs: readonly string[],
  config: Pick<RepositoryConfig, 'value'>,
): (path: string) => boolean {
  const ignoresCase = config.value('core.ignorecase') === 'true';
  const folded = (text: string): string => (ignoresCase ? text.normalize('NFC').toLowerCase() : text);
  const patterns = globs.map((glob) => folded(pathPattern(glob, '/')));
  return (path) => {
    const text = folded(textOfName(bytesOfName(path)));
    return patterns.some((pattern) => covers(pattern, text));
  };
}

async function hasProtectedSubmodule(
  { repository, base }: Protection,
  isProtected: (path: string) => boolean,
): Promise<boolean> {
  // `160000 commit ID\tpath`
  const entries = await repository.names(['ls-tree', '-r', '-z', '--full-tree', base]);
  return entries.some((entry) => {
    const [mode = ''] = entry.split(' ');
    return isSubmodule({ mode, id: '' }) && isProtected(entry.slice(entry.indexOf('\t') + 1));
  });
}

/** Whether the file says how others are converted. */
export function isAttributes({ path }: { readonly path: string }): boolean {
  return path === '.gitattributes' || path.endsWith('/.gitattributes');
}

/** The changes of attributes that convert a protected file differently: line ends, filters, encodings. */
async function convertingAttributes(
  { repository, index, commit, base }: Protection,
  attributes: readonly TreeChange[],
  restored: readonly TreeChange[],
  isProtected: (path: string) => boolean,
): Promise<readonly TreeChange[]> {
  const names = await repository.names(['ls-tree', '-r', '-z', '--full-tree', '--name-only', base]);
  const paths = names.filter(isProtected);
  const after = await index('after', commit);
  await after.restore(restored);
  const wanted = await (await index('base', base)).conversions(paths);
  const got = await after.conversions(paths);
  const converted = paths.filter((_, at) => wanted[at] !== got[at]);
  return attributes.filter(({ path }) => {
    const folder = path.slice(0, -'.gitattributes'.length);
    return converted.some((file) => file.startsWith(folder));
  });
}

import { dirname, join, normalize } from 'node:path/posix';
import { importsOf } from './layer-rules.ts';

/**
 * The groups of files that import each other, including type imports: no file of a group can be understood or moved
 * alone.
 * @param sources the text of each file by its path, with slashes
 * @returns each group sorted, as `a.ts <-> b.ts`
 */
export function importCircles(sources: ReadonlyMap<string, string>): string[] {
  const targets = (path: string): string[] =>
    importsOf(path, sources.get(path) ?? '')
      .filter((specifier) => specifier?.startsWith('.') === true)
      .map((specifier) => normalize(join(dirname(path), specifier ?? '')))
      .filter((target) => sources.has(target));
  const edges = new Map([...sources.keys()].map((path) => [path, targets(path)]));
  const reached = new Map([...edges.keys()].map((path) => [path, reachableFrom(path, edges)]));
  const groups = [...edges.keys()].map((path) =>
    [...(reached.get(path) ?? [])].filter((other) => reached.get(other)?.has(path)).sort(),
  );
  return [...new Set(groups.filter((group) => group.length > 0).map((group) => group.join(' <-> ')))].sort();
}

/** Contains the file itself only if a path leads back to it. */
function reachableFrom(path: string, edges: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set<string>();
  const left = [...(edges.get(path) ?? [])];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    left.push(...(edges.get(next) ?? []));
  }
  return reached;
}

import { type ParsedText, TextFormatError, type TextPosition } from '../../application/ports/parsed-text.ts';
import { quote } from '../../domain/errors.ts';

/** Deeper than any file that people write; bounds the recursion. */
export const maxNesting = 200;
/** Total number of values, including those repeated by aliases. */
const maxValues = 500_000;

/** How to read the nodes of a parser's tree. */
export interface TreeView<Node> {
  readonly offsetOf: (node: Node) => number;
  /** Null when the node is not a list. */
  readonly itemsOf: (node: Node) => readonly Node[] | null;
  /** Null when the node is not an object. */
  readonly entriesOf: (node: Node) => readonly Entry<Node>[] | null;
  readonly scalarOf: (node: Node) => unknown;
}

interface Entry<Node> {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: Node;
}

/**
 * The value of a parser's tree. Rejects duplicate keys, of which both parsers would keep the last.
 * @throws TextFormatError
 */
export function readTree<Node>(source: string, root: Node, view: TreeView<Node>): ParsedText {
  let count = 0;

  const read = (node: Node, depth: number): unknown => {
    if (depth > maxNesting) throw refused(node, `nested deeper than ${maxNesting} levels`);
    if (++count > maxValues) throw refused(node, `more than ${maxValues} values`);
    const items = view.itemsOf(node);
    if (items !== null) return items.map((item) => read(item, depth + 1));
    const entries = view.entriesOf(node);
    if (entries === null) return view.scalarOf(node);
    const seen = new Set<string>();
    for (const { key, keyOffset } of entries) {
      if (seen.has(key)) {
        throw new TextFormatError(positionAt(source, keyOffset), `the key ${quote(key)} appears twice`);
      }
      seen.add(key);
    }
    return Object.fromEntries(entries.map(({ key, value }) => [key, read(value, depth + 1)]));
  };
  const refused = (node: Node, message: string) =>
    new TextFormatError(positionAt(source, view.offsetOf(node)), message);

  const positionOf = (path: readonly PropertyKey[]): TextPosition => {
    let node = root;
    let offset = view.offsetOf(root);
    for (const part of path) {
      const item = view.itemsOf(node)?.[Number(part)];
      const entry = view.entriesOf(node)?.find(({ key }) => key === part);
      const next = item ?? entry?.value;
      if (next === undefined) break;
      offset = entry?.keyOffset ?? view.offsetOf(next);
      node = next;
    }
    return positionAt(source, offset);
  };
  return { value: read(root, 0), positionOf };
}

export function positionAt(source: string, offset: number): TextPosition {
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

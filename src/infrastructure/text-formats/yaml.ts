import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { type ParsedText, TextFormatError } from '../../application/ports/parsed-text.ts';
import { startOf } from '../../domain/cut-text.ts';
import { positionAt, readTree, type TreeView } from './read-tree.ts';

/** A megabyte can take the parser seconds. */
const maxLength = 1_048_576;

/**
 * Parses YAML 1.2 with its core schema, whatever version the text declares: `no` is a text, and there are no dates,
 * merge keys or custom tags. Duplicate keys are detected when the tree is read, because the parser compares every pair
 * of keys.
 * @throws TextFormatError
 */
export function parseYaml(source: string): ParsedText {
  if (source.length > maxLength) {
    throw new TextFormatError(positionAt(source, maxLength), `YAML may have at most ${maxLength} characters`);
  }
  const document = parseDocument(source, {
    version: '1.2',
    schema: 'core',
    resolveKnownTags: false,
    merge: false,
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
    // 'silent' also drops the error of a second document.
    logLevel: 'error',
  });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    const message = meanings[error.code] ?? startOf(error.message.split('\n')[0] as string, 200);
    throw new TextFormatError(positionAt(source, error.pos[0]), message);
  }
  const root: YamlNode = document.contents ?? { offset: 0 };
  return readTree(source, root, viewOf(document, source));
}

const meanings: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "only one document is allowed: remove what follows '---'",
  NON_STRING_KEY: 'a key must be a text',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'tags other than those of JSON are not allowed',
};

/** A missing node stands for null; only its position is known. */
type YamlNode = Node | { readonly offset: number };

function viewOf(document: Document, source: string): TreeView<YamlNode> {
  const offsetOf = (node: YamlNode): number => ('offset' in node ? node.offset : (node.range?.[0] ?? 0));
  /** The node that an alias refers to. */
  const resolved = (node: YamlNode): YamlNode => {
    if (!isAlias(node)) return node;
    const target = node.resolve(document);
    if (target !== undefined) return target;
    throw new TextFormatError(
      positionAt(source, offsetOf(node)),
      `no anchor '&${node.source}' stands before it`,
    );
  };
  const keyOf = (key: unknown): string => String(isScalar(key) ? (key.value ?? '') : '');
  return {
    offsetOf,
    itemsOf: (alias) => {
      const node = resolved(alias);
      if (!isSeq<YamlNode | null>(node)) return null;
      return node.items.map((item) => item ?? { offset: offsetOf(node) });
    },
    entriesOf: (alias) => {
      const node = resolved(alias);
      if (!isMap<Node, Node | null>(node)) return null;
      return node.items.map(({ key, value }) => {
        const keyOffset = offsetOf(key);
        return { key: keyOf(resolved(key)), keyOffset, value: value ?? { offset: keyOffset } };
      });
    },
    scalarOf: (alias) => {
      const node = resolved(alias);
      return isScalar(node) ? node.value : null;
    },
  };
}

import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { type ParsedText, TextFormatError } from '../../application/ports/parsed-text.ts';
import { maxNesting, positionAt, readTree, type TreeView } from './read-tree.ts';

/**
 * Parses JSON; with `comments`, also comments and trailing commas.
 * @throws TextFormatError
 */
export function parseJson(source: string, { comments }: { readonly comments: boolean }): ParsedText {
  refuseDeepNesting(source);
  const errors: ParseError[] = [];
  const root = parseTree(source, errors, { disallowComments: !comments, allowTrailingComma: comments });
  const [error] = errors;
  if (error !== undefined) {
    throw new TextFormatError(positionAt(source, error.offset), meaningOf(error, source));
  }
  if (root === undefined) throw new TextFormatError(positionAt(source, source.length), 'expected a value');
  return readTree(source, root, jsonView);
}

function meaningOf({ error, offset }: ParseError, source: string): string {
  const code = printParseErrorCode(error);
  const found = source[offset] ?? '';
  // A bracket too many is the fault, not the comma that could have stood there.
  if (code === 'CommaExpected' && /[\]}]/.test(found)) return `unexpected '${found}'`;
  return meanings[code] ?? 'unexpected character';
}

const meanings: Readonly<Record<string, string>> = {
  InvalidSymbol: 'expected a value; strings need double quotes',
  InvalidNumberFormat: 'not a number',
  PropertyNameExpected: 'expected a key in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected a colon',
  CommaExpected: 'expected a comma',
  CloseBraceExpected: "expected a comma or '}'",
  CloseBracketExpected: "expected a comma or ']'",
  EndOfFileExpected: 'expected nothing more',
  InvalidCommentToken: 'comments are not allowed here',
  UnexpectedEndOfComment: "the comment has no end: close it with '*/'",
  UnexpectedEndOfString: 'the string has no closing double quote on its line',
  UnexpectedEndOfNumber: 'the number is incomplete',
  InvalidUnicode: "expected four hexadecimal digits after '\\u'",
  InvalidEscapeCharacter: "unknown escape: write a backslash as '\\\\'",
  InvalidCharacter: "control characters must be escaped: write a line break as '\\n'",
};

/** The parser is recursive. */
function refuseDeepNesting(source: string): void {
  const scanner = createScanner(source, true);
  let depth = 0;
  // SyntaxKind exists as a type only: 1 and 3 open an object or list, 2 and 4 close it, 17 is the end.
  for (let token: number = scanner.scan(); token !== 17; token = scanner.scan()) {
    if (token === 1 || token === 3) depth += 1;
    else if (token === 2 || token === 4) depth -= 1;
    if (depth > maxNesting) {
      const message = `nested deeper than ${maxNesting} levels`;
      throw new TextFormatError(positionAt(source, scanner.getTokenOffset()), message);
    }
  }
}

const jsonView: TreeView<Node> = {
  offsetOf: ({ offset }) => offset,
  itemsOf: ({ type, children = [] }) => (type === 'array' ? children : null),
  entriesOf: ({ type, children = [] }) =>
    type !== 'object'
      ? null
      : children.map((property) => {
          const [key, value] = property.children as [Node, Node];
          return { key: key.value as string, keyOffset: key.offset, value };
        }),
  scalarOf: ({ value }) => value,
};

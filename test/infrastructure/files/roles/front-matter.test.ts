import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import {
  commaSeparated,
  FrontMatterError,
  parseFrontMatter,
} from '../../../../src/infrastructure/files/roles/front-matter.ts';
import { fc } from '../../../helpers/properties.ts';

function valuesOf(block: string): Record<string, unknown> {
  const parsed = parseFrontMatter(`---\n${block}\n---\nBody\n`);
  return Object.fromEntries([...(parsed?.fields ?? [])].map(([key, { value }]) => [key, value]));
}

/** Lines of a block with their values. */
const lines: readonly (readonly [line: string, value: unknown])[] = [
  ['a: plain', 'plain'],
  ['a:   spaces around   ', 'spaces around'],
  ['a:\ttab', 'tab'],
  ['a: with: a colon, and more: of them', 'with: a colon, and more: of them'],
  ['a: *not an alias', '*not an alias'],
  ['a: @mention', '@mention'],
  ['a: {x} and [y] together', '{x} and [y] together'],
  ['a: [x] and [y]', '[x] and [y]'],
  ['a: C# and F#', 'C# and F#'],
  ['a: text # comment', 'text'],
  ['a: # only a comment', null],
  ['a:', null],
  ['a: "double: \\"quoted\\" \\u00e9\\n#no comment" # comment', 'double: "quoted" é\n#no comment'],
  ["a: 'it''s # quoted'", "it's # quoted"],
  ['a: "so" he said: go', '"so" he said: go'],
  ["a: don't", "don't"],
  ['a: [x, "y, z", Bash(a, b)]', ['x', 'y, z', 'Bash(a, b)']],
  ['a: []', []],
  ['a:\n  - x\n  - "y"\n  - z # last', ['x', 'y', 'z']],
  ['a:\n- x\n- y', ['x', 'y']],
  ['a: first\n  second\n\n  third', 'first second\nthird'],
  ['a:\n  on the next line', 'on the next line'],
  ['a: "over\n  two lines"', 'over two lines'],
  ['a: |\n  one\n    two: x\n\n  # three', 'one\n  two: x\n\n# three'],
  ['a: >-\n  one\n  two\n\n  three', 'one two\nthree'],
  ['a: |\nb: x', ''],
  ['a:\n  deep:\n    deeper: x', {}],
  ['a:\n  - x: 1\n    y: 2', {}],
  ['a: {x: 1}', {}],
];

describe('the block at the head of a Markdown file', () => {
  for (const [line, value] of lines) {
    it(`reads ${JSON.stringify(line)}`, () => {
      assert.deepEqual(valuesOf(line).a, value);
      assert.equal(valuesOf(`before: x\n${line}\nafter: y`).after, 'y', 'and goes on behind it');
    });
  }

  it('tells the lines and leaves the rest as the body', () => {
    const parsed = parseFrontMatter('---\n# comment\nname: x\n\nmodel: y\n---\n\n# Title\n---\nend\n');
    assert.deepEqual(
      [...(parsed?.fields ?? [])].map(([key, { line }]) => [key, line]),
      [
        ['name', 3],
        ['model', 5],
      ],
    );
    assert.equal(parsed?.body, '\n# Title\n---\nend\n');
  });

  it('may have a byte order mark and the line ends of Windows', () => {
    const parsed = parseFrontMatter(
      '\uFEFF---\r\nname: x\r\ndescription: |\r\n  a\r\n  b\r\n---\r\nBody\r\n',
    );
    assert.equal(parsed?.fields.get('name')?.value, 'x');
    assert.equal(parsed?.fields.get('description')?.value, 'a\nb');
    assert.equal(parsed?.body, 'Body\n');
  });

  it('need not be there', () => {
    for (const text of [
      '',
      '# Title\n',
      '\n---\nname: x\n---\n',
      '--- x\nname: y\n---\n',
      'name: x\n---\n',
    ]) {
      assert.equal(parseFrontMatter(text), null, text);
    }
  });

  it('is refused with the line where it cannot be read', () => {
    const wrong: readonly (readonly [text: string, line: number, message: RegExp])[] = [
      ['---\nname: x\n', 1, /no end/],
      ['---\nname: x\ndescription: Use it.\n<example>\n---\n', 4, /key: value/],
      ['---\nname x\n---\n', 2, /key: value/],
      ['---\nname:x\n---\n', 2, /key: value/],
    ];
    for (const [text, line, message] of wrong) {
      assert.throws(
        () => parseFrontMatter(text),
        (error) => error instanceof FrontMatterError && error.line === line && message.test(error.message),
        text,
      );
    }
  });

  it('is read or refused, whatever stands in it', () => {
    const piece = fc.constantFrom(
      'a',
      ': ',
      ':',
      '\n',
      '  ',
      '- ',
      '"',
      "'",
      '[',
      ']',
      '|',
      '>',
      '#',
      '\\',
      ',',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          assert.notEqual(parseFrontMatter(`---\na: ${pieces.join('')}\n---\nBody`), null);
        } catch (error) {
          assert.ok(error instanceof FrontMatterError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read as YAML is, whichever way a text or a list of texts is written there', () => {
    const word = fc.string({
      unit: fc.constantFrom(...'ab1é:#-"\'\\,[]{}&*!|>%@`?~='.split('')),
      minLength: 1,
      maxLength: 6,
    });
    const text = fc
      .array(fc.tuple(word, fc.constantFrom(' ', '\n', '\n\n', ': ', ' #')), { minLength: 1, maxLength: 30 })
      .map((parts) =>
        parts
          .map(([one, gap]) => one + gap)
          .join('')
          .trim(),
      );
    const style = fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED');
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 4 }), style, (one, list, type) => {
        const block = stringify(
          { one, list },
          { defaultKeyType: 'PLAIN', defaultStringType: type },
        ).trimEnd();
        const { one: readText, list: readList } = valuesOf(block);
        assert.equal(readText, one, block);
        assert.deepEqual(readList, list, block);
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes time in proportion to its length: with the square of a megabyte this would not end', () => {
    for (const hostile of ['"\\', "'", '(', '[', '# ', '"(', ' \t', '" ']) {
      const text = hostile.repeat(1_000_000 / hostile.length);
      assert.notEqual(valuesOf(`a: ${text}`).a, undefined);
      assert.notEqual(valuesOf(`a: [${text}]`).a, undefined);
      assert.ok(commaSeparated(text).length <= 1);
    }
  });
});

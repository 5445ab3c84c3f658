import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ParsedText, TextFormatError } from '../../../src/application/ports/parsed-text.ts';
import { parseJson } from '../../../src/infrastructure/text-formats/json.ts';
import { fc } from '../../helpers/properties.ts';

const strict = { comments: false };
const lenient = { comments: true };

function parses(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

/** The error in the text; null if there is none. */
function problem(source: string, how: typeof strict): TextFormatError | null {
  try {
    parseJson(source, how);
    return null;
  } catch (error) {
    assert.ok(error instanceof TextFormatError, String(error));
    return error;
  }
}

describe('JSON from people', () => {
  it('is what JSON.parse takes, without comments', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.nat(3),
        fc.constantFrom('', ',', '}', ']', '"', '\\', '\n', '0', 'e', '-', ':', ' ', '/', '.', 'u', '\u0001'),
      )
      .map(([text, at, length, insert]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + insert + text.slice(start + length);
      });
    fc.assert(
      fc.property(damaged, (source) => {
        const found = problem(source, strict);
        // JSON.parse keeps the last of two equal keys.
        if (found?.message.includes('appears twice')) return;
        assert.equal(found === null, parses(source), source);
        if (found === null) assert.deepEqual(parseJson(source, strict).value, JSON.parse(source));
      }),
      { numRuns: 3_000 },
    );
  });

  it('may have comments and trailing commas', () => {
    const source = '// first\n{\n  "a": 1, /* second */\n  "b": [2, 3,],\n}\n// last';
    assert.deepEqual(parseJson(source, lenient).value, { a: 1, b: [2, 3] });
    assert.deepEqual(problem(source, strict)?.position, { line: 1, column: 1 });
  });

  it('is told the first place that no JSON could continue from', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length);
        const position = problem(`${cut}\u0007`, lenient)?.position;
        assert.ok(position !== undefined && position.line === 1 && position.column <= cut.length + 1);
      }),
    );
  });

  for (const [source, line, column, message] of [
    ['{"a": 1, "a": 2}', 1, 10, /^the key "a" appears twice$/],
    ['{\n  "a": x\n}', 2, 8, /^expected a value/],
    ["{'a': 1}", 1, 2, /^expected a value|^expected a key/],
    ['{"a" 1}', 1, 6, /^expected a colon$/],
    ['{"a": 1 "b": 2}', 1, 9, /^expected a comma$/],
    ['{"a": [1]]}', 1, 10, /^unexpected ']'$/],
    ['{"a": 1', 1, 8, /^expected a comma or '}'$/],
    ['["a\nb"]', 1, 2, /closing double quote/],
    ['', 1, 1, /^expected a value$/],
    ['/* never closed', 1, 1, /^the comment has no end/],
  ] as const) {
    it(`is refused: ${JSON.stringify(source)}`, () => {
      const found = problem(source, lenient);
      assert.deepEqual(found?.position, { line, column });
      assert.match(found?.message ?? '', message);
    });
  }

  it('tells the position of every value, or of what holds it', () => {
    const { positionOf } = parseJson('{\n  "agents": [\n    {"role": "qa"}\n  ]\n}', lenient);
    const expected: readonly (readonly [
      path: PropertyKey[],
      position: ReturnType<ParsedText['positionOf']>,
    ])[] = [
      [[], { line: 1, column: 1 }],
      [['agents'], { line: 2, column: 3 }],
      [['agents', 0], { line: 3, column: 5 }],
      [['agents', 0, 'role'], { line: 3, column: 6 }],
      [['agents', 0, 'task'], { line: 3, column: 5 }],
      [['agents', 7], { line: 2, column: 3 }],
      [['budget', 'max_turns'], { line: 1, column: 1 }],
    ];
    for (const [path, position] of expected) assert.deepEqual(positionOf(path), position, path.join('.'));
  });

  it('makes an object of nothing but its own keys', () => {
    const value = parseJson('{"__proto__": {"polluted": true}}', lenient).value as object;
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal('polluted' in value, false);
  });

  it('does not exhaust the stack', () => {
    for (const open of ['[', '{"a":']) {
      const found = problem(open.repeat(100_000), lenient);
      assert.match(found?.message ?? '', /nested deeper than 200 levels/);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { TextFormatError } from '../../../src/application/ports/parsed-text.ts';
import { parseYaml } from '../../../src/infrastructure/text-formats/yaml.ts';
import { fc } from '../../helpers/properties.ts';

function problem(source: string): TextFormatError | null {
  try {
    parseYaml(source);
    return null;
  } catch (error) {
    assert.ok(error instanceof TextFormatError, String(error));
    return error;
  }
}

describe('YAML from people', () => {
  for (const [source, value] of [
    ['a: no\nb: yes\nc: on', { a: 'no', b: 'yes', c: 'on' }],
    ['%YAML 1.1\n---\na: no\nb: 1:20', { a: 'no', b: '1:20' }],
    ['a: 2024-01-01', { a: '2024-01-01' }],
    ['a: true\nb: 1.5\nc: ~\nd:', { a: true, b: 1.5, c: null, d: null }],
    ['1: a\ntrue: b', { 1: 'a', true: 'b' }],
    ['a: |\n  one\n  two\nb: >-\n  three\n  four', { a: 'one\ntwo\n', b: 'three four' }],
    ['<<: {a: 1}\nb: 2', { '<<': { a: 1 }, b: 2 }],
    ['a: &x {n: 1}\nb: *x', { a: { n: 1 }, b: { n: 1 } }],
    ['# nothing', null],
  ] as const) {
    it(`reads ${JSON.stringify(source)}`, () => assert.deepEqual(parseYaml(source).value, value));
  }

  it('makes an object of nothing but its own keys', () => {
    const value = parseYaml('__proto__: {polluted: true}').value as object;
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal('polluted' in value, false);
  });

  for (const [source, line, column, message] of [
    ['a: 1\nb: 2\na: 3', 3, 1, /^the key "a" appears twice$/],
    ['a: 1\n---\nb: 2', 2, 1, /only one document/],
    ['a: !!binary aGk=', 1, 4, /tags/],
    ['a: !mine x', 1, 4, /tags/],
    ['a: !!js/function x', 1, 4, /tags/],
    ['? [a]\n: b', 1, 3, /a key must be a text/],
    ['a:\n  b: c: d', 2, 6, /mapping/],
    ['a:\n\t- x', 2, 1, /tab/i],
    ['a: "x', 1, 6, /quote/],
    ['a: *x', 1, 4, /no anchor '&x'/],
    ['a: &x [*x]', 1, 8, /nested deeper than 200 levels/],
  ] as const) {
    it(`refuses ${JSON.stringify(source)}`, () => {
      const found = problem(source);
      assert.match(found?.message ?? 'nothing is wrong', message);
      assert.deepEqual(found?.position, { line, column });
    });
  }

  it('tells the position of every value, or of what holds it', () => {
    const { positionOf } = parseYaml('agents:\n  - role: qa\n    task:\n  - &x\n    role: pm\nmore: [*x]\n');
    assert.deepEqual(positionOf([]), { line: 1, column: 1 });
    assert.deepEqual(positionOf(['agents', 0]), { line: 2, column: 5 });
    assert.deepEqual(positionOf(['agents', 0, 'task']), { line: 3, column: 5 });
    assert.deepEqual(positionOf(['agents', 0, 'name']), { line: 2, column: 5 });
    assert.deepEqual(positionOf(['more', 0]), { line: 6, column: 8 });
  });

  it('gives what was written: every value of JSON, as YAML or as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (written) => {
        // In JSON, -0 is 0.
        const value: unknown = JSON.parse(JSON.stringify(written));
        assert.deepEqual(parseYaml(JSON.stringify(value)).value, value);
        assert.deepEqual(parseYaml(stringify(value)).value, value);
      }),
      { numRuns: 500 },
    );
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
      '{',
      '}',
      '|',
      '>',
      '#',
    );
    const rarer = fc.constantFrom(
      '&a ',
      '*a',
      '!',
      '!!str ',
      '? ',
      '%',
      '---\n',
      '\\',
      ',',
      '\t',
      '~',
      '...',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, rarer), { maxLength: 30 }), (pieces) => {
        const source = pieces.join('');
        const found = problem(source);
        if (found === null) JSON.stringify(parseYaml(source).value);
        else assert.ok(found.position.line >= 1 && found.position.line <= source.split('\n').length + 1);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends soon for a text made to take for ever', () => {
    const level = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(',')}]\n`;
    const names = 'abcdefghij'.split('');
    const bomb = names.map((name, at) => level(name, at === 0 ? 'x' : `*${names[at - 1]}`)).join('');
    assert.match(problem(bomb)?.message ?? '', /more than 500000 values/);
    assert.match(problem('['.repeat(10_000))?.message ?? '', /nested/);
    assert.match(problem('a'.repeat(1_048_577))?.message ?? '', /at most 1048576 characters/);
    // The parser's own search for duplicate keys compares every pair of keys.
    const many = Array.from({ length: 20_000 }, (_, at) => `k${at}: v`).join('\n');
    assert.equal(Object.keys(parseYaml(many).value as object).length, 20_000);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { covers, overlap, pathPattern, patternFrom } from '../../src/domain/path-pattern.ts';
import { fc } from '../helpers/properties.ts';

const root = '/p';
const pattern = (text: string): string => pathPattern(text, root);
const both = (one: string, other: string): boolean => overlap(pattern(one), pattern(other));

/** Every path of at most six of these names: each name and each pair of patterns below has a match among them. */
const names = ['a', 'b', 'ab'];
const paths: string[] = [''];
for (let from = 0, depth = 0; depth < 6; depth++) {
  const to = paths.length;
  for (const path of paths.slice(from, to)) for (const name of names) paths.push(`${path}/${name}`);
  from = to;
}

/** An independent implementation of the pattern: a regular expression that also matches everything below. */
function matcher(text: string): RegExp {
  const parts = text
    .split('/')
    .map((name) =>
      name === '**' ? '(/[^/]+)*' : `/${name.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}`,
    );
  return new RegExp(`^${parts.join('')}(/.*)?$`);
}

const anyPattern = fc
  .array(fc.constantFrom('a', 'b', 'ab', '*', '?', 'a*', '*b', '?b', '**'), { minLength: 1, maxLength: 3 })
  .map((some) => some.join('/'));

describe('the patterns of path claims', () => {
  it('cover the paths that they match, and everything below', () => {
    fc.assert(
      fc.property(anyPattern, fc.constantFrom(...paths), (text, path) => {
        assert.equal(covers(pathPattern(text, '/'), path), path !== '' && matcher(text).test(path));
      }),
    );
  });

  it('give no character of a covered path a special meaning', () => {
    assert.equal(covers('/te*t/judge', 'te*t/judge'), true);
    assert.equal(covers('/test', 'te*t'), false);
    assert.equal(covers('/test/judge', 'test'), false);
    assert.equal(covers('/**/*.test.ts', 'src/deep/a.test.ts'), true);
    assert.equal(covers('/', 'anything'), true);
    assert.equal(covers(`/${'*a'.repeat(150)}b`, `${'a'.repeat(4_000)}`), false);
  });

  it('overlap where there is a path that both name', () => {
    fc.assert(
      fc.property(anyPattern, anyPattern, (one, other) => {
        const [left, right] = [matcher(one), matcher(other)];
        const expected = paths.some((path) => path !== '' && left.test(path) && right.test(path));
        assert.equal(both(one, other), expected);
        assert.equal(both(other, one), both(one, other));
        assert.ok(both(one, one));
      }),
      { numRuns: 300 },
    );
  });

  it('name a path with all that is below it', () => {
    for (const [one, other] of [
      ['src', 'src/api/login.ts'],
      ['src/**', 'src'],
      ['.', 'anything'],
      ['src/*.ts', 'src/login.ts'],
      ['**/*.test.ts', 'test/unit/login.test.ts'],
      ['src/**/login.ts', 'src/login.ts'],
      ['src/a*', 'src/*b'],
      ['pages/[id].tsx', 'pages/[id].tsx'],
      ['./src//api/', 'src/api'],
      ['/p/src', 'src/api'],
      ['src/x/../api', 'src/api'],
    ] as const) {
      assert.ok(both(one, other), `${one} and ${other}`);
    }
    for (const [one, other] of [
      ['src/api', 'src/apis'],
      ['src/*.ts', 'src/login.js'],
      ['src/*.ts', 'src/api/login.js'],
      ['src/a?', 'src/a'],
      ['docs/**', 'src/docs'],
      ['pages/[id].tsx', 'pages/i.tsx'],
      ['a*c', 'b*c'],
    ] as const) {
      assert.ok(!both(one, other), `${one} and ${other}`);
    }
  });

  it('are of the project', () => {
    for (const text of ['../q', '/q/src', '/pp', 'src/../../q', '', 'a\0', 'x'.repeat(401)]) {
      assert.throws(() => pattern(text), { code: 'INVALID_INPUT' }, JSON.stringify(text));
    }
    assert.throws(() => pattern('src/{a,b}.ts'), /alternatives in braces\. Name each path by itself/);
    assert.equal(pattern('src/{{cookiecutter.name}}'), '/p/src/{{cookiecutter.name}}');
    assert.equal(pathPattern('etc', '/'), '/etc');
    const deep = `/${'d'.repeat(1_000)}\r`;
    assert.equal(pathPattern(`${deep}/a\nb`, deep), `${deep}/a\nb`, 'a long or odd folder of the project');
  });

  it('are shown as they are seen from the folder', () => {
    assert.equal(patternFrom('/p', '/p/src/*.ts'), 'src/*.ts');
    assert.equal(patternFrom('/p', '/p'), '.');
    assert.equal(patternFrom('/p', '/q/src'), '/q/src');
  });

  it('take a bounded time, whatever they are', () => {
    const long = (name: string) => `/p/${name.repeat(398 / name.length)}`;
    assert.ok(overlap(long('*a'), long('a*')));
    assert.ok(overlap(long('**/'), long('a/')));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  displayWidth,
  padEnd,
  padStart,
  truncate,
} from '../../../../src/presentation/cli/render/text-width.ts';

describe('the width of text', () => {
  const widths: [text: string, width: number][] = [
    ['', 0],
    ['plain', 5],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['한글', 4],
    ['Ａ', 2],
    ['🚀', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['✔️', 2],
    ['✓', 1],
    ['\u200b', 0],
    ['ﾊﾟ', 2],
    ['〈', 2],
    ['🈁', 2],
    ['西夏𗀀', 6],
    ['नि', 2],
  ];
  for (const [text, width] of widths) {
    it(`of ${JSON.stringify(text)} is ${width}`, () => assert.equal(displayWidth(text), width));
  }
});

describe('truncating', () => {
  const cases: [text: string, width: number, shown: string][] = [
    ['fits', 4, 'fits'],
    ['does not', 6, 'does…'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['👩‍👩‍👧 family', 4, '👩‍👩‍👧…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
    ['abc', Number.POSITIVE_INFINITY, 'abc'],
  ];
  for (const [text, width, shown] of cases) {
    it(`${JSON.stringify(text)} to ${width}`, () => {
      assert.equal(truncate(text, width), shown);
      assert.ok(displayWidth(shown) <= width);
    });
  }
});

describe('padding', () => {
  it('counts columns, not characters', () => {
    assert.equal(padEnd('日', 4), '日  ');
    assert.equal(padStart('日', 4), '  日');
    assert.equal(padEnd('longer', 4), 'longer');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import stringWidth from 'string-width';
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
    ['नमस्ते', 4],
    ['1️⃣', 2],
    ['가', 2],
    ['♥︎', 1],
    ['⌚︎', 1],
  ];
  for (const [text, width] of widths) {
    it(`of ${JSON.stringify(text)} is ${width}`, () => assert.equal(displayWidth(text), width));
  }

  it('is that of string-width for every single character, except for signs around numbers and fillers', () => {
    const excepted =
      /[\u0600-\u0605]|\u06dd|[\u0890\u0891]|\u08e2|[\u115f\u1160]|\ufe0f|\u{110bd}|\u{110cd}|\p{Cc}|\p{Cs}/u;
    for (let code = 0; code < 0x2_0000; code++) {
      const character = String.fromCodePoint(code);
      if (excepted.test(character)) continue;
      assert.equal(displayWidth(character), stringWidth(character), `U+${code.toString(16)}`);
    }
  });
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

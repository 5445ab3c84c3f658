import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from '../../../../src/presentation/cli/render/text-width.ts';
import {
  besideHead,
  unwrapped,
  wrapLine,
  wrapLines,
} from '../../../../src/presentation/cli/render/wrap-text.ts';
import { colourPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { fc } from '../../../helpers/properties.ts';

describe('text on a terminal', () => {
  it('breaks between words, below its own indentation or list item', () => {
    assert.equal(wrapLine('one two three', 13), 'one two three');
    assert.equal(wrapLine('one two three', 12), 'one two\nthree');
    assert.equal(wrapLine('  one two three', 10), '  one two\n   three');
    assert.equal(wrapLine('- one two three', 10), '- one two\n  three');
    assert.equal(wrapLines('one two three\n\nfour', 8), 'one two\nthree\n\nfour');
  });

  it('keeps words whole that are wider than the terminal, and a command in quotes that fits', () => {
    assert.equal(wrapLine('see /a/long/path/of/a/file now', 10), 'see\n/a/long/path/of/a/file\nnow');
    assert.equal(wrapLine("Now run 'maos logs a'.", 18), "Now run\n'maos logs a'.");
    assert.equal(wrapLine("It doesn't say what it's for", 20), "It doesn't say what\nit's for");
    assert.equal(wrapLine("Run 'a much longer line than that'", 12), "Run 'a much\nlonger line\nthan that'");
  });

  it('stands beside its head, or goes on below it where little room is left', () => {
    assert.equal(
      besideHead('head  ', 'some words that go on and on', 32),
      'head  some words that go on and\n      on',
    );
    assert.equal(besideHead('head  ', 'some words that go on', 20), 'head  some words\n    that go on');
  });

  it('of Markdown becomes one line a paragraph and list item', () => {
    const text = '# Title\n\none\ntwo:\n- a\n  b\n- c\n\n```\n';
    assert.equal(unwrapped(text), '# Title\n\none two:\n- a b\n- c\n\n```\n');
  });

  it('never loses a word or a format, and never breaks a word that fits', () => {
    const letters = fc.stringMatching(/^[a-z'.]{1,12}$/);
    const word = fc
      .tuple(letters, fc.boolean())
      .map(([text, bold]) => (bold ? colourPaint('bold', text) : text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 16, max: 60 }), (words, width) => {
        const shown = wrapLine(words.join(' '), width);
        assert.deepEqual(shown.split(/\s+/), words);
        for (const line of shown.split('\n')) {
          assert.ok(displayWidth(stripVTControlCharacters(line)) <= width, line);
        }
      }),
    );
  });
});

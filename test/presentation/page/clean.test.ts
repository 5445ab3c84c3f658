import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { plain, segments } from '../../../src/presentation/page/text/clean.ts';

const esc = '\u001b';

describe('text of a program', () => {
  it('keeps its colours as classes, and nothing else of its control sequences', () => {
    const printed = `${esc}[31mred${esc}[0m ${esc}[1;92mbold${esc}[39m dull${esc}[0;38;5;1m x${esc}]0;title\u0007${esc}[2J${esc}Pq${esc}\\.`;
    assert.deepEqual(segments(printed), [
      { text: 'red', classes: 't-red' },
      { text: ' ', classes: '' },
      { text: 'bold', classes: 't-green t-bold' },
      { text: ' dull', classes: 't-bold' },
      { text: ' x', classes: '' },
      { text: '.', classes: '' },
    ]);
    assert.equal(plain(printed), 'red bold dull x.');
  });

  it('spells out marks that reorder or hide text', () => {
    assert.equal(plain('a\u202egnp.exe\u202c\u200b\u0008'), 'a\\u202egnp.exe\\u202c\\u200b\\u0008');
  });

  it('shows of lines that were written over what stands last', () => {
    assert.equal(plain('1 %\r50 %\r100 %\r\nend\r\n'), '100 %\nend\n');
  });

  it('never contains a control character, and is the same with and without colours', () => {
    const parts = fc.constantFrom(
      escape,
      '[',
      ']',
      '31',
      'm',
      ';',
      '\u0007',
      '\\',
      'a',
      '\r',
      '\n',
      '\u202e',
      '\u009b',
    );
    fc.assert(
      fc.property(
        fc.array(parts).map((list) => list.join('')),
        (text) => {
          const shown = plain(text);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
          assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
          const coloured = segments(text);
          assert.equal(
            coloured
              .map((segment) => segment.text)
              .join('')
              .includes(esc),
            false,
          );
        },
      ),
    );
  });
});

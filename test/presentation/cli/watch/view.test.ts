import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { displayWidth } from '../../../../src/presentation/cli/render/text-width.ts';
import { colourPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { tabs } from '../../../../src/presentation/cli/watch/state.ts';
import { fit, wrap } from '../../../../src/presentation/cli/watch/styled-text.ts';
import { renderWatch } from '../../../../src/presentation/cli/watch/view.ts';
import { agent } from '../samples.ts';
import { large, permission, sessionView, small, Watched } from './samples.ts';

// The samples' ids are made of the first letters of the names.
const many = Array.from({ length: 200 }, (_, index) =>
  agent(index % 3 === 0 ? `${index}-模型` : `${index}-agent-with-a-long-name`),
);

describe('the screen', () => {
  it('has as many rows as the terminal, each narrower than it, in every state', () => {
    const view = sessionView(
      many,
      { objective: 'x'.repeat(500) },
      { requests: [permission(many[0] as never)] },
    );
    for (const size of [small, large, { columns: 100, rows: 30 }, { columns: 120, rows: 24 }]) {
      for (const tab of tabs) {
        for (const keys of [
          [],
          ['enter'],
          ['enter', 'tab'],
          ['enter', '?'],
          ['enter', 'c'],
          ['enter', 'a'],
          ['enter', '/'],
        ]) {
          const watched = new Watched(view, size);
          watched.state = { ...watched.state, tab };
          watched.press(...keys);
          const rows = renderWatch(watched.state, colourPaint).map(stripVTControlCharacters);
          assert.equal(rows.length, size.rows, `${tab} ${keys}`);
          const wide = rows.find((row) => displayWidth(row) >= size.columns);
          assert.equal(wide, undefined, `${tab} ${keys}`);
        }
      }
    }
  });

  it('says in words when the terminal is too small, and takes q', () => {
    const watched = new Watched(sessionView(many), { columns: 40, rows: 12 });
    assert.match(watched.rows.join(' '), /40 columns and 12 rows; maos watch needs 80 x 24/);
    assert.deepEqual(watched.press('c', 'y', 'q').effects, [{ type: 'quit' }]);
    watched.tell({ type: 'resized', size: small });
    assert.match(watched.text, /maos watch/);
  });

  it('keeps the chosen agent visible among many', () => {
    const watched = new Watched(sessionView(many)).press('enter', 'end');
    assert.match(watched.text, /^> {3}\S 199-agent-with/m);
    watched.press('up');
    assert.match(watched.text, /^> {3}\S 198-模型/m);
  });
});

describe('text with formats', () => {
  it('is cut by what is seen, and closes its formats', () => {
    const text = `${colourPaint('red', 'abcdef')} ${colourPaint('bold', 'ghi')}`;
    assert.equal(stripVTControlCharacters(fit(text, 20)), 'abcdef ghi');
    const cut = fit(text, 4);
    assert.equal(stripVTControlCharacters(cut), 'abc…');
    assert.ok(cut.endsWith('\u001b[1m\u001b[22m'));
    fc.assert(
      fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 30 }), (words, width) => {
        const painted = words.map((word) => colourPaint('cyan', word.replaceAll(/\p{C}/gu, ''))).join(' ');
        assert.ok(displayWidth(stripVTControlCharacters(fit(painted, width))) <= width);
      }),
    );
  });

  it('is wrapped between words, and loses nothing but blanks', () => {
    assert.deepEqual(wrap('one two three', 8), ['one two', 'three']);
    assert.deepEqual(wrap('abcdefghij', 4), ['abcd', 'efgh', 'ij']);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (text, width) => {
        const given = text.replaceAll(/\p{C}/gu, '');
        const lines = wrap(given, width);
        assert.equal(lines.join('').replaceAll(' ', ''), given.replaceAll(' ', ''));
        for (const line of lines) assert.ok(displayWidth(line) <= width, line);
      }),
    );
  });
});

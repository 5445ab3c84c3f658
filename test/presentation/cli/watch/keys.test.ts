import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Input, KeyReader } from '../../../../src/presentation/cli/watch/keys.ts';

const key = (name: string): Input => ({ type: 'key', name });

function read(...pieces: readonly string[]): Input[] {
  const reader = new KeyReader();
  return [...pieces.flatMap((piece) => reader.read(piece)), ...reader.flush()];
}

describe('the keys of a terminal', () => {
  it('are named, in both modes of the cursor keys', () => {
    assert.deepEqual(read('\u001b[A\u001bOB\u001b[5~\u001b[6~\u001b[1~\u001b[F\u001b[Z'), [
      key('up'),
      key('down'),
      key('page-up'),
      key('page-down'),
      key('home'),
      key('end'),
      key('back-tab'),
    ]);
    assert.deepEqual(read('a日\r\t\u007f\u0003\u001a'), [
      key('a'),
      key('日'),
      key('enter'),
      key('tab'),
      key('backspace'),
      key('ctrl-c'),
      key('ctrl-z'),
    ]);
  });

  it('are the same however the terminal cuts them', () => {
    const text = 'a\u001b[A\u001b[<64;10;5M\u001b[200~two\nlines\u001b[201~\u001bOBz';
    const whole = read(text);
    assert.equal(whole.length, 6);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        assert.deepEqual(read(...pieces), whole);
      }),
    );
  });

  it('tell Esc from the beginning of another key by what follows', () => {
    const reader = new KeyReader();
    assert.deepEqual(reader.read('\u001b'), []);
    assert.equal(reader.isWaiting, true);
    assert.deepEqual(reader.flush(), [key('escape')]);
    assert.equal(reader.isWaiting, false);
    assert.deepEqual(reader.read('\u001b'), []);
    assert.deepEqual(reader.read('[A'), [key('up')]);
  });

  it('include clicks and the wheel, and nothing else of the mouse', () => {
    assert.deepEqual(read('\u001b[<0;3;2M\u001b[<0;3;2m\u001b[<65;200;50M\u001b[<35;1;1M'), [
      { type: 'mouse', what: 'click', row: 1, column: 2 },
      { type: 'mouse', what: 'wheel-down', row: 49, column: 199 },
    ]);
  });

  it('leave out unknown sequences, and never keep an endless one', () => {
    assert.deepEqual(read('\u001b[15~\u001b[?1;2cx'), [key('x')]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const reader = new KeyReader();
        reader.read(text);
        reader.flush();
        assert.equal(reader.isWaiting && !text.includes('\u001b[200~'), false);
      }),
    );
  });

  it('a paste is one text, whatever is in it', () => {
    assert.deepEqual(read('\u001b[200~q\u001b[A y\r\u001b[201~'), [{ type: 'paste', text: 'q\u001b[A y\r' }]);
  });
});

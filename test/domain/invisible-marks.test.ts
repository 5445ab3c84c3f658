import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plainText } from '../../src/application/queries/agent-output.ts';
import { showInvisible } from '../../src/domain/invisible-marks.ts';

const range = (from: number, to: number): number[] => [...Array(to - from + 1).keys()].map((at) => from + at);

describe('invisible marks', () => {
  it('are shown as JSON writes them, so that inside JSON the value stays', () => {
    const bidirectional = [0x61c, 0x200e, 0x200f, ...range(0x202a, 0x202e), ...range(0x2066, 0x2069)];
    for (const mark of [...bidirectional, 0x200b, ...range(0x2060, 0x2064), 0xe0041]) {
      const text = `a${String.fromCodePoint(mark)}b`;
      const shown = showInvisible(text);
      assert.match(shown, /^a(\\u[0-9a-f]{4})+b$/);
      assert.equal(JSON.parse(showInvisible(JSON.stringify(text))), text);
    }
    assert.equal(showInvisible('\u202egpj.exe'), '\\u202egpj.exe');
  });

  it('are not what people write with', () => {
    for (const text of ['שלום', 'مرحبا', 'می\u200cخواهم', '👩\u200d💻', 'a\tb\n', '\ufeffné']) {
      assert.equal(showInvisible(text), text);
    }
  });

  it('are shown where terminal escapes are removed', () => {
    assert.equal(plainText('\u001b[31m\u202eevil\u2069'), '\\u202eevil\\u2069');
  });
});

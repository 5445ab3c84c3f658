import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LineSplitter, type LongLines } from '../../src/application/line-splitter.ts';
import { cutAt } from '../helpers/backend-contract.ts';
import { fc } from '../helpers/properties.ts';

/** Few different bytes, so that line feeds are frequent; some are parts of multibyte characters. */
const streams = fc
  .array(fc.constantFrom('\n', 'a', 'b', 'ö', '€', '😀'), { maxLength: 60 })
  .map((parts) => Buffer.from(parts.join('')));
const places = fc.array(fc.nat(300), { maxLength: 30 });

function split(splitter: LineSplitter, chunks: Iterable<Uint8Array>): string[] {
  const lines: string[] = [];
  for (const chunk of chunks) lines.push(...splitter.push(chunk).map(textOf));
  return [...lines, ...splitter.end().map(textOf)];
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** A simple reference implementation: a line feed ends a line, and the last line may lack it. */
function naive(stream: Buffer): string[] {
  const lines = stream.toString('latin1').split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

suite('LineSplitter', () => {
  test('gives the lines of a stream, however it is cut', () => {
    fc.assert(
      fc.property(streams, places, fc.constantFrom<LongLines>('split', 'drop'), (stream, cuts, mode) => {
        assert.deepEqual(split(new LineSplitter(1_000, mode), cutAt(stream, cuts)), naive(stream));
      }),
    );
  });

  test("'drop' leaves out exactly the lines over the limit, and counts them", () => {
    fc.assert(
      fc.property(streams, places, fc.integer({ min: 1, max: 12 }), (stream, cuts, max) => {
        const splitter = new LineSplitter(max, 'drop');
        const lines = split(splitter, cutAt(stream, cuts));
        const kept = naive(stream).filter((line) => line.length <= max);
        assert.deepEqual(lines, kept);
        assert.equal(splitter.dropped, naive(stream).length - kept.length);
      }),
    );
  });

  test("'split' loses no byte, keeps pieces within the limit and characters whole, however the stream is cut", () => {
    fc.assert(
      fc.property(streams, places, fc.integer({ min: 4, max: 12 }), (stream, cuts, max) => {
        const pieces = split(new LineSplitter(max, 'split'), cutAt(stream, cuts));
        assert.deepEqual(pieces, split(new LineSplitter(max, 'split'), [stream]));
        assert.equal(pieces.join(''), naive(stream).join(''));
        for (const piece of pieces) {
          assert.ok(piece.length <= max, `${piece.length} bytes of at most ${max}`);
          assert.ok(!Buffer.from(piece, 'latin1').toString('utf8').includes('\ufffd'), piece);
        }
      }),
    );
  });

  test("'split' goes through bytes that are no UTF-8, and through limits smaller than a character", () => {
    const bytes = fc
      .uint8Array({ maxLength: 80 })
      .map((array) => Buffer.from(array.map((byte) => byte | 0x80)));
    fc.assert(
      fc.property(fc.oneof(bytes, streams), places, fc.integer({ min: 1, max: 5 }), (stream, cuts, max) => {
        const pieces = split(new LineSplitter(max, 'split'), cutAt(stream, cuts));
        assert.equal(pieces.join(''), naive(stream).join(''));
        assert.ok(pieces.every((piece) => piece.length <= max));
      }),
    );
  });

  test('a line of exactly the limit is whole', () => {
    for (const mode of ['split', 'drop'] as const) {
      const splitter = new LineSplitter(4, mode);
      assert.deepEqual(split(splitter, [Buffer.from('abcd\nabcd')]), ['abcd', 'abcd']);
      assert.equal(splitter.dropped, 0);
    }
  });

  test('a line that comes byte by byte costs about its length', () => {
    const megabytes = 4;
    const splitter = new LineSplitter(megabytes * 2 ** 20, 'drop');
    const byte = Buffer.from('x');
    const before = memory();
    for (let i = 0; i < megabytes * 2 ** 20; i += 1) splitter.push(byte);
    const held = (memory() - before) / 2 ** 20;
    assert.ok(held < 8 * megabytes, `${held.toFixed(1)} MB held for ${megabytes} MB`);
    assert.equal(splitter.end()[0]?.length, megabytes * 2 ** 20);
  });

  test('a dropped line costs nothing, however long it is', () => {
    const splitter = new LineSplitter(2 ** 20, 'drop');
    const chunk = Buffer.alloc(2 ** 16, 'x');
    const before = memory();
    for (let i = 0; i < 2_000; i += 1) assert.deepEqual(splitter.push(chunk), []);
    const held = (memory() - before) / 2 ** 20;
    assert.ok(held < 32, `${held.toFixed(1)} MB held`);
    assert.deepEqual(split(splitter, [Buffer.from('\nnext\n')]), ['next']);
    assert.equal(splitter.dropped, 1);
  });
});

/** Memory that JavaScript uses, inside and outside of its heap. */
function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

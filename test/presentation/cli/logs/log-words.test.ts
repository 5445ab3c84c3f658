import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mapAround, openColour } from '../../../../src/domain/colours.ts';
import { mergeLogs, type TimedSource } from '../../../../src/presentation/cli/logs/merge-logs.ts';
import { readSince } from '../../../../src/presentation/cli/logs/since.ts';
import { truncateMiddle } from '../../../../src/presentation/cli/render/text-width.ts';

const esc = '\u001b';

describe('the time of --since', () => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  for (const [text, time] of [
    ['90s', '2026-11-27T11:58:30.000Z'],
    ['10m', '2026-11-27T11:50:00.000Z'],
    ['1h30m', '2026-11-27T10:30:00.000Z'],
    ['1.5d', '2026-11-26T00:00:00.000Z'],
    ['2026-11-27T10:00:00Z', '2026-11-27T10:00:00.000Z'],
    ['2026-11-27T10:00:00.250+02:00', '2026-11-27T08:00:00.250Z'],
  ] as const) {
    it(`can be ${text}`, () => assert.equal(new Date(readSince(text, now)).toISOString(), time));
  }
  for (const text of ['', '10', 'm', '10 m', 'yesterday', '2026-13-40', '10m ago']) {
    it(`cannot be '${text}'`, () => assert.throws(() => readSince(text, now), { code: 'INVALID_INPUT' }));
  }
});

describe('the colours of a program', () => {
  const cleaned = (text: string) => mapAround(text, (between) => between.replaceAll(esc, ''));
  it('are all that is left of its control sequences', () => {
    const text = `${esc}[1;38;5;8mgrey${esc}[0m ${esc}[2Jx${esc}[48;2;1;8;3mbox${esc}[m`;
    assert.equal(cleaned(text), `${esc}[1;38;5;8mgrey${esc}[0m [2Jx${esc}[48;2;1;8;3mbox${esc}[m`);
  });

  it('hide nothing', () => {
    for (const hidden of ['8', '1;8', '08', '38;5;1;8', '38;2;1;2;3;8']) {
      assert.equal(cleaned(`${esc}[${hidden}mx`), 'x', hidden);
    }
  });

  it('stay in effect until they are reset, within bounds', () => {
    assert.equal(openColour('', `${esc}[1mbold${esc}[31mred`), `${esc}[1m${esc}[31m`);
    assert.equal(openColour(`${esc}[1m`, `x${esc}[0m`), '');
    assert.equal(openColour(`${esc}[1m`, `${esc}[0;32mx`), `${esc}[0;32m`);
    assert.ok(openColour('', `${esc}[31m`.repeat(10_000)).length <= 205);
  });
});

describe('the name before a line', () => {
  it('keeps its beginning and its end', () => {
    assert.equal(truncateMiddle('builder', 8), 'builder');
    assert.equal(truncateMiddle('worker-number-17', 8), 'work…-17');
    assert.equal(truncateMiddle('worker-number-18', 8).length, 8);
  });
});

describe('merged logs', () => {
  it('pass on the earliest item of all, read page by page', async () => {
    const passed: number[] = [];
    const sources = [pages([[1, 4], [9]]), pages([[2], [3, 3], [10]]), pages([])];
    await mergeLogs(
      sources,
      (at) => void passed.push(at),
      async () => {},
    );
    assert.deepEqual(passed, [1, 2, 3, 3, 4, 9, 10]);
  });
});

function pages(left: number[][]): TimedSource<number> {
  let page: number[] = [];
  return {
    get needsFill() {
      return page.length === 0 && left.length > 0;
    },
    fill: async () => {
      page = left.shift() ?? [];
    },
    headAt: () => page[0] ?? null,
    take: () => page.shift() ?? null,
  };
}

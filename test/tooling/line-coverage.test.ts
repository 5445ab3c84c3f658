import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lineCoverage, linesOf, together, unmet } from './line-coverage.ts';

const record = (path: string, counts: readonly number[]): string =>
  `TN:\nSF:${path}\n${counts.map((count, index) => `DA:${index + 1},${count}\n`).join('')}end_of_record\n`;
const lcov =
  record('src/domain/session.ts', new Array(90).fill(3)) +
  record('src/domain/agent.ts', [0, 1, 1, 0, 0, 2, 1, 0, 0, 0]);

describe('line coverage', () => {
  it('is read per file from an lcov report', () => {
    assert.deepEqual(lineCoverage(linesOf(lcov)), [
      { path: 'src/domain/agent.ts', lines: 10, hit: 4, percent: 40 },
      { path: 'src/domain/session.ts', lines: 90, hit: 90, percent: 100 },
    ]);
  });

  it('counts what ran in the bundle as well, and a line without code as the one before it', () => {
    const agent = { mapped: new Set([1, 4, 8]), run: new Set([4]) };
    const [file] = lineCoverage(linesOf(lcov, new Map([['src/domain/agent.ts', agent]])));
    assert.equal(file?.hit, 6);
  });

  it('counts what either of two runs has run', () => {
    const other = record('src/domain/agent.ts', [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const [agent, session] = lineCoverage(together(linesOf(lcov), linesOf(other)));
    assert.deepEqual([agent?.hit, session?.hit], [6, 90]);
  });

  it('meets a gate by the lines of the whole folder', () => {
    assert.deepEqual(unmet([{ folder: 'src/domain/', minimumPercent: 94 }], lineCoverage(linesOf(lcov))), []);
  });

  it('misses a gate with the reached and the required figure', () => {
    assert.deepEqual(unmet([{ folder: 'src/domain/', minimumPercent: 95 }], lineCoverage(linesOf(lcov))), [
      'src/domain/ reaches 94.0 % of its 100 lines; 95 % are required.',
    ]);
  });

  it('misses a gate whose folder was not measured at all', () => {
    assert.deepEqual(
      unmet([{ folder: 'src/application/', minimumPercent: 1 }], lineCoverage(linesOf(lcov))),
      ['no file of src/application/ was measured.'],
    );
  });
});

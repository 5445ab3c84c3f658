import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lineCoverage, unmet } from './line-coverage.ts';

const lcov = `TN:
SF:src/domain/session.ts
DA:1,3
LF:90
LH:90
end_of_record
TN:
SF:src/domain/agent.ts
DA:1,0
LF:10
LH:4
end_of_record
`;

describe('line coverage', () => {
  it('is read per file from an lcov report', () => {
    assert.deepEqual(lineCoverage(lcov), [
      { path: 'src/domain/agent.ts', lines: 10, hit: 4, percent: 40 },
      { path: 'src/domain/session.ts', lines: 90, hit: 90, percent: 100 },
    ]);
  });

  it('meets a gate by the lines of the whole folder', () => {
    assert.deepEqual(unmet([{ folder: 'src/domain/', minimumPercent: 94 }], lineCoverage(lcov)), []);
  });

  it('misses a gate with the reached and the required figure', () => {
    assert.deepEqual(unmet([{ folder: 'src/domain/', minimumPercent: 95 }], lineCoverage(lcov)), [
      'src/domain/ reaches 94.0 % of its 100 lines; 95 % are required.',
    ]);
  });

  it('misses a gate whose folder was not measured at all', () => {
    assert.deepEqual(unmet([{ folder: 'src/application/', minimumPercent: 1 }], lineCoverage(lcov)), [
      'no file of src/application/ was measured.',
    ]);
  });
});

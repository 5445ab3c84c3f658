import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SuiteReport } from './suite.ts';
import { judge, scenariosIn } from './verdict.ts';

const report: SuiteReport = {
  scenarios: [
    { name: 'ping', passed: 2, failures: [] },
    { name: 'tools-call-image', passed: 1, failures: ['FAILURE tools-call-image: Unknown tool'] },
  ],
  announced: 2,
  status: 0,
  stderr: '',
};

const deviationsOf = (changes: Partial<SuiteReport>, expected = ['tools-call-image']): string =>
  judge({ ...report, ...changes }, expected).deviations.join('\n');

describe('the verdict on a conformance suite', () => {
  it('is good when exactly what is expected fails', () => {
    assert.deepEqual(judge(report, ['tools-call-image']), {
      passed: 1,
      failed: 1,
      expected: 1,
      checks: 2,
      deviations: [],
    });
  });

  it('is bad when something else fails, and says why', () => {
    assert.equal(deviationsOf({}, []), 'tools-call-image failed: FAILURE tools-call-image: Unknown tool');
  });

  it('is bad when an expected failure passes, or was not run', () => {
    assert.match(deviationsOf({}, ['tools-call-image', 'ping']), /^ping passed: take it from the baseline$/);
    assert.match(
      deviationsOf({}, ['tools-call-image', 'pong']),
      /^pong was not run: take it from the baseline$/,
    );
  });

  it('is bad when the tool did less than it said, or ended otherwise than well', () => {
    assert.match(deviationsOf({ announced: 3 }), /^2 of 3 scenarios were run$/);
    assert.match(deviationsOf({ announced: Number.NaN }), /^2 of NaN scenarios were run$/);
    assert.match(deviationsOf({ scenarios: [], announced: 0 }, []), /^0 of 0 scenarios were run$/);
    assert.match(deviationsOf({ status: 1, stderr: 'Unknown suite' }), /ended with 1\. Unknown suite$/);
    assert.match(
      deviationsOf({ scenarios: [{ name: 'ping', passed: 0, failures: [] }], announced: 1 }, []),
      /^ping checked nothing$/,
    );
  });

  it('reads the names of a baseline and passes over what is said of them', () => {
    const baseline = '# none - of this\nserver:\n  # Tools\n  - ping # - not this\n  - json-schema-2020-12\n';
    assert.deepEqual(scenariosIn(baseline), ['ping', 'json-schema-2020-12']);
  });
});

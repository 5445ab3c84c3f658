import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatCost,
  formatCount,
  formatDuration,
  formatUsage,
  plural,
} from '../../../../src/domain/amounts.ts';
import { formatAge, formatBytes } from '../../../../src/presentation/cli/render/format.ts';
import { oneLine } from '../../../../src/presentation/contracts/event-lines.ts';
import { usage } from '../samples.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('numbers for people', () => {
  const cases: [shown: string, expected: string][] = [
    [formatDuration(0), '0.0s'],
    [formatDuration(-5), '0.0s'],
    [formatDuration(1_249), '1.2s'],
    [formatDuration(59_949), '59.9s'],
    [formatDuration(59_950), '1m 00s'],
    [formatDuration(185_000), '3m 05s'],
    [formatDuration(2 * hour + 5 * minute), '2h 05m'],
    [formatAge(20_000), 'just now'],
    [formatAge(5 * minute), '5m ago'],
    [formatAge(3 * hour), '3h ago'],
    [formatAge(72 * hour), '3d ago'],
    [formatCount(999), '999'],
    [formatCount(1_000), '1.0k'],
    [formatCount(999_949), '999.9k'],
    [formatCount(999_950), '1.0M'],
    [formatBytes(999), '999 B'],
    [formatBytes(3_100), '3.1 kB'],
    [formatBytes(2_000_000), '2.0 MB'],
    [formatCost(0), '$0.00'],
    [formatCost(0.004), '$0.0040'],
    [formatCost(1.2345), '$1.23'],
    [plural(1, 'agent'), '1 agent'],
    [plural(0, 'process', 'processes'), '0 processes'],
  ];
  for (const [shown, expected] of cases) it(expected, () => assert.equal(shown, expected));

  it('names no price where none is known', () => {
    assert.equal(formatUsage(usage), '12.3k tokens, $0.25');
    assert.equal(formatUsage({ ...usage, costUsd: null }), '12.3k tokens');
    assert.equal(formatUsage(null), null);
  });
});

describe('text from outside', () => {
  it('stands on one line and cannot steer the terminal', () => {
    assert.equal(oneLine('a\n\tb\u001b[2Jc\u0007\u009bd\r\n'), 'a bcd');
    assert.equal(oneLine('\u001b]0;title\u0007safe'), 'safe');
  });
});

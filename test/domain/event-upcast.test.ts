import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BudgetFinding, checkBudget, describeFinding, noBudget } from '../../src/domain/budget.ts';
import { descriptorOf, type EventData, readEvent } from '../../src/domain/events.ts';
import { readWaitSentence, type WaitCause, waitSentence } from '../../src/domain/waiting.ts';
import { sessionId, time } from './samples.ts';

/** Reads the data of another version's stored event in this version. */
function read(type: string, data: unknown): unknown {
  return readEvent({ seq: 1, type, sessionId, agentId: null, at: time(0), data }).data;
}

const causes: readonly WaitCause[] = [
  { cause: 'session_limit', limit: 2 },
  { cause: 'role_limit', limit: 1 },
  { cause: 'machine_limit', limit: 50 },
  { cause: 'session_limit', limit: null },
  { cause: 'machine_unknown', error: 'the database is locked' },
  { cause: 'memory', freeMb: 512, neededMb: 1_024 },
  { cause: 'provider', until: '2026-03-01T10:00:00.000Z' },
];

const findings: readonly BudgetFinding[] = [
  ...checkBudget({ ...noBudget, maxTokens: 1_000, maxTurns: 4 }, usageOf(850, 6), 0),
  ...checkBudget({ ...noBudget, maxCostUsd: 0.5, maxWallMs: 60_000 }, usageOf(0, 0, 0.75), 59_000),
];

function usageOf(inputTokens: number, turns: number, costUsd: number | null = null) {
  return { inputTokens, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, turns, costUsd };
}

describe('an event of the first versions', () => {
  for (const cause of causes) {
    it(`that says why an agent waits: ${waitSentence(cause)}`, () => {
      assert.deepEqual(read('agent.waiting', { name: 'a', reason: waitSentence(cause) }), {
        name: 'a',
        ...cause,
      });
    });
  }

  it('that says it in words nobody knows any more keeps the words', () => {
    assert.deepEqual(read('agent.waiting', { name: 'a', reason: 'the moon' }), {
      ...{ name: 'a', cause: 'other', said: 'the moon' },
    });
    assert.equal(waitSentence(readWaitSentence('the moon')), 'the moon');
  });

  assert.equal(findings.length, 4);
  for (const finding of findings) {
    it(`that warns of a budget: ${describeFinding(finding)}`, () => {
      const message = describeFinding(finding);
      assert.deepEqual(read('budget.warned', { name: null, message }), { name: null, ...finding });
    });
  }

  it('that warns in words that were changed by hand is read all the same', () => {
    assert.deepEqual(read('budget.warned', { name: 'a', message: 'much' }), {
      ...{ name: 'a', item: 'tokens', level: 'warning', spent: 0, limit: 0 },
    });
  });

  it('that says where a process runs', () => {
    const where = { host: 'local', pid: 42, startTime: '7', bootId: 'b', place: 'p' };
    const { where: read1 } = read('agent.spawned', {
      name: 'a',
      attempt: 1,
      where,
    }) as EventData['agent.spawned'];
    assert.equal(read1.label, 'process 42');
    assert.equal(read1.kind, 'local');
  });
});

describe('an event of this version', () => {
  it('is read as it was stored', () => {
    const data = { name: 'a', cause: 'role_limit', limit: 3 };
    assert.deepEqual(read('agent.waiting', data), data);
    const warned = { name: null, item: 'turns', level: 'warning', spent: 9, limit: 10 };
    assert.deepEqual(read('budget.warned', warned), warned);
  });

  it('tells programs outside the sentence, too, that they were told before', () => {
    const waiting = { name: 'a', cause: 'memory', freeMb: 1, neededMb: 2 };
    assert.deepEqual(descriptorOf('agent.waiting')?.published?.(waiting), {
      reason: 'memory: 1 MiB free, it needs 2 MiB',
    });
    const warned = { name: null, item: 'tokens', level: 'warning', spent: 9, limit: 10 };
    assert.deepEqual(descriptorOf('budget.warned')?.published?.(warned), {
      message: 'tokens: 9 of 10 (90 % used)',
    });
  });
});

describe('an event of a type or shape that nobody knows', () => {
  it('is left as it is', () => {
    assert.deepEqual(read('agent.beamed', { to: 'Mars' }), { to: 'Mars' });
    assert.equal(read('agent.waiting', null), null);
  });
});

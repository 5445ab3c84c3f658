import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../src/domain/agent.ts';
import {
  decideQuota,
  postponedUntil,
  type QuotaPolicy,
  quotaPause,
  resumeSession,
} from '../../src/domain/quota.ts';
import { pauseSession } from '../../src/domain/session-life.ts';
import { settleAgent } from '../../src/domain/settle-agent.ts';
import { fc } from '../helpers/properties.ts';
import { named, outcomes, ready, requestOf, start, started, thrownBy, time } from './samples.ts';

const policy: QuotaPolicy = { maxRetries: 4, baseDelayMs: 2_000, maxDelayMs: 60_000 };
const now = time(0);

/** Seconds until the retry, or 'pause' with the expected end. */
function decided(postponed: number, retryAt: string | null = null, chance = 0): number | string {
  const decision = decideQuota({ retryAt, postponed }, policy, now, chance);
  return decision.kind === 'pause'
    ? `pause ${decision.resumeAt}`
    : (Date.parse(decision.at) - Date.parse(now)) / 1_000;
}

describe('decideQuota', () => {
  it('waits twice as long each time when the provider names no time', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((postponed) => decided(postponed)),
      [2, 4, 8, 16],
    );
  });

  it('pauses after the last retry, whatever the provider says', () => {
    assert.equal(decided(4), 'pause null');
    assert.equal(decided(4, time(61)), `pause ${time(61)}`);
  });

  it('does not let a pause end before the longest wait, even where the provider names an earlier time', () => {
    for (const seconds of [-30, 0, 1, 60]) assert.equal(decided(4, time(seconds)), 'pause null');
  });

  it('waits until the time the provider names, unless that is too far away for a retry', () => {
    assert.equal(decided(3, time(17)), 17);
    assert.equal(decided(0, time(60)), 60);
    assert.equal(decided(0, time(61)), `pause ${time(61)}`);
    assert.equal(decided(0, time(3_600)), `pause ${time(3_600)}`);
  });

  it('waits no shorter for a provider that names a time than for one that names none', () => {
    const day = 24 * 3_600;
    const named = fc.oneof(
      fc.integer({ min: -400 * day, max: 60 }).map(time),
      fc.constantFrom('', 'soon', '+275760-09-13T00:00:00.000Z', time(367 * day)),
    );
    fc.assert(
      fc.property(fc.nat({ max: 3 }), named, (postponed, retryAt) => {
        assert.ok(Number(decided(postponed, retryAt)) >= Number(decided(postponed)));
      }),
    );
    assert.deepEqual([decided(0, time(-2)), decided(1, time(-2)), decided(0, 'soon')], [2, 4, 2]);
  });

  it('pauses when doubling outgrows the longest wait', () => {
    const patient = { ...policy, maxRetries: 100 };
    const at = (postponed: number) => decideQuota({ retryAt: null, postponed }, patient, now, 0);
    assert.equal(at(4).kind, 'retry');
    assert.deepEqual(at(5), { kind: 'pause', resumeAt: null });
    assert.deepEqual(at(5_000), { kind: 'pause', resumeAt: null });
  });

  it('spreads retries over a quarter of the wait, never earlier than it', () => {
    assert.deepEqual([decided(2, null, 0.5), decided(0, time(40), 0.999)], [9, 49.99]);
    fc.assert(
      fc.property(
        fc.nat({ max: 3 }),
        fc.option(fc.integer({ min: 0, max: 60 }), { nil: null }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (postponed, seconds, chance) => {
          const retryAt = seconds === null ? null : time(seconds);
          const [plain, jittered] = [decided(postponed, retryAt), decided(postponed, retryAt, chance)];
          assert.ok(jittered >= plain && Number(jittered) <= Number(plain) * 1.25);
        },
      ),
    );
  });
});

describe('postponedUntil', () => {
  it('is the time of the retry, of the end the provider named, or else the longest wait', () => {
    assert.equal(postponedUntil({ kind: 'retry', at: time(7) }, policy, now), time(7));
    assert.equal(postponedUntil({ kind: 'pause', resumeAt: time(900) }, policy, now), time(900));
    assert.equal(postponedUntil({ kind: 'pause', resumeAt: null }, policy, now), time(60));
  });
});

describe('quotaPause', () => {
  const [sample = assert.fail()] = started(requestOf({ a: [] })).agents;
  const put = (seconds: number, postponed = 1, state: Agent['state'] = 'resumable'): Agent => ({
    ...sample,
    state,
    notBefore: time(seconds),
    postponed,
  });

  it('is none while every agent put off is only to be tried again', () => {
    assert.equal(quotaPause([], policy, now), null);
    assert.equal(quotaPause([put(75), put(10, policy.maxRetries)], policy, now), null);
  });

  it('comes of an agent put off for too long, or too often, and lasts as long as the longest of them', () => {
    assert.deepEqual(quotaPause([put(76)], policy, now), { resumeAt: time(76) });
    assert.deepEqual(quotaPause([put(10, policy.maxRetries + 1)], policy, now), { resumeAt: time(10) });
    const several = [put(50), put(400), put(900), put(300)];
    assert.deepEqual(quotaPause(several, policy, now), { resumeAt: time(900) });
  });

  it('is none once the time has come, or for agents that are not put off any more', () => {
    assert.equal(quotaPause([put(900)], policy, time(900)), null);
    assert.equal(quotaPause([put(900, 9, 'running'), put(900, 9, 'cancelled')], policy, now), null);
    assert.equal(quotaPause([{ ...put(0, 9), notBefore: null }], policy, now), null);
  });
});

describe('resumeSession', () => {
  it('forgets what providers asked for: whoever resumes wants it to be tried now', () => {
    const running = start(started(requestOf({ a: [], b: [] })), ['a']).next;
    const report = {
      outcome: { ...outcomes.resumable, notBefore: time(900) },
      usage: null,
      conversation: 'c1',
    };
    const put = settleAgent(running, named(running, 'a').id, report, time(3)).next;
    const paused = pauseSession(put, { reason: 'quota', resumeAt: time(900) }, time(4)).next;
    const { next, events } = resumeSession(paused, time(5));
    assert.deepEqual(
      events.map(({ type }) => type),
      ['session.resumed'],
    );
    const a = named(next, 'a');
    assert.deepEqual([a.notBefore, a.postponed, a.conversation], [null, 0, 'c1']);
    assert.equal(named(next, 'b'), named(paused, 'b'), 'what was not put off stays the same');
    assert.deepEqual(ready(next, time(5)), ['a', 'b']);
    thrownBy('INVALID_TRANSITION', () => resumeSession(next, time(6)));
  });
});

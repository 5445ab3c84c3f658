import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent, SessionEvent, Status } from '../../../src/presentation/page/api.ts';
import { applyEvent } from '../../../src/presentation/page/store/apply-event.ts';
import { noEvents, withNewer, withOlder } from '../../../src/presentation/page/store/event-log.ts';
import { eventText } from '../../../src/presentation/page/store/event-text.ts';
import { firstPage, withEarlier, withLater } from '../../../src/presentation/page/store/steps.ts';
import { emptyTeam, newAgent, planOf } from '../../../src/presentation/page/store/team-form.ts';
import { marksOf, timelineOf } from '../../../src/presentation/page/store/timeline.ts';

const at = '2026-01-01T00:00:00.000Z';

function event(seq: number, type: string, data: object = {}, after = 0): SessionEvent {
  const time = new Date(Date.parse(at) + after).toISOString();
  return { seq, at: time, type, session_id: 's', agent_id: 'a1', data } as unknown as SessionEvent;
}

const agent = { agent_id: 'a1', name: 'one', state: 'pending', attempt: 0, started_at: null, ended_at: null };
const status = {
  ...{ session_id: 's', state: 'running', last_seq: 3, agents: [agent] },
  progress: { total: 1, pending: 1 },
} as unknown as Status;

describe('the status of a session', () => {
  it('follows the events that it does not include yet', () => {
    const started = applyEvent(status, event(4, 'agent.started', { attempt: 1 }));
    assert.deepEqual(
      [started.agents[0]?.state, started.agents[0]?.stage, started.agents[0]?.started_at, started.last_seq],
      ['running', 'preparing', at, 4],
    );
    const working = applyEvent(started, event(5, 'agent.stage_changed', { stage: 'awaiting' }));
    assert.equal(working.agents[0]?.stage, 'awaiting');
    const ended = applyEvent(working, event(6, 'agent.completed'));
    assert.deepEqual([ended.agents[0]?.state, ended.agents[0]?.stage], ['completed', undefined]);
    assert.deepEqual(
      { ...ended.progress },
      { total: 1, pending: 0, running: 0, completed: 1, failed: 0, cancelled: 0, resumable: 0 },
    );
    assert.equal(applyEvent(ended, event(7, 'session.completed')).state, 'completed');
  });

  it('does not change by an event that it includes, or of another session', () => {
    assert.equal(applyEvent(status, event(3, 'session.failed')), status);
    const other = { ...event(4, 'session.failed'), session_id: 'other' } as SessionEvent;
    assert.equal(applyEvent(status, other), status);
  });
});

describe('the loaded events', () => {
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => event(from + index, 'agent.progressed'));
  const seqs = (log: { readonly events: readonly SessionEvent[] }) => log.events.map(({ seq }) => seq);

  it('are newest first, without a repeat', () => {
    const log = withNewer(withOlder(noEvents, range(4, 6)), [...range(5, 8), event(8, 'x')].slice(0, 4));
    assert.deepEqual(seqs(log), [8, 7, 6, 5, 4]);
    const all = withOlder(log, range(1, 5));
    assert.deepEqual([seqs(all), all.isComplete], [[8, 7, 6, 5, 4, 3, 2, 1], true]);
  });

  it('stay within bounds, and the oldest can be loaded again', () => {
    const log = withNewer(withOlder(noEvents, range(1, 10)), range(11, 25_000));
    assert.deepEqual([log.events.length, log.events[0]?.seq, log.isComplete], [20_000, 25_000, false]);
  });
});

describe('an event of the stream', () => {
  it('is told in the words of every other front', () => {
    const usage = {
      input_tokens: 900,
      output_tokens: 100,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      turns: 1,
      cost_usd: 0.5,
    };
    const data = { name: 'one', duration_ms: 1500, result: 'good', usage };
    assert.equal(eventText(event(1, 'agent.completed', data)), 'completed in 1.5s, 1.0k tokens, $0.50: good');
  });

  it('of another version is told by its type', () => {
    assert.equal(eventText(event(1, 'agent.sang')), 'agent.sang');
    assert.equal(eventText(event(1, 'agent.completed', { usage: 7 })), 'agent.completed');
  });
});

describe('the loaded steps', () => {
  const step = (seq: number, text = '') => ({ seq, kind: 'text', text });
  const page = (steps: ReturnType<typeof step>[], previous: string | null) => ({
    ...{ steps, next_cursor: 'next', previous_cursor: previous, at_end: true },
  });

  it('are continued at both ends, and the last is replaced by a longer state of it', () => {
    const first = firstPage(page([step(4), step(5, 'so')], '4'));
    const later = withLater(first, page([step(5, 'so far'), step(6)], null));
    const whole = withEarlier(later, page([step(2), step(4)], null));
    assert.deepEqual(
      whole.steps.map(({ seq, text }) => `${seq}${text}`),
      ['2', '4', '5so far', '6'],
    );
    assert.deepEqual([whole.previous, whole.next], [null, 'next']);
  });
});

describe('the timeline', () => {
  it('has the stages of each attempt, also of events in no order', () => {
    const events = [
      event(4, 'agent.failed', {}, 3_000),
      event(1, 'agent.started', { attempt: 1 }),
      event(2, 'agent.spawned', {}, 1_000),
      event(3, 'agent.stage_changed', { stage: 'verifying' }, 2_000),
      event(5, 'agent.started', { attempt: 2 }, 5_000),
    ];
    const [row] = timelineOf([agent as unknown as Agent], events);
    const start = Date.parse(at);
    assert.deepEqual(
      row?.spans.map(({ kind, from, to, attempt }) => [
        kind,
        from - start,
        to === null ? null : to - start,
        attempt,
      ]),
      [
        ['preparing', 0, 1_000, 1],
        ['executing', 1_000, 2_000, 1],
        ['verifying', 2_000, 3_000, 1],
        ['preparing', 5_000, null, 2],
      ],
    );
  });

  it('has the last attempt of an agent without events', () => {
    const ended = { ...agent, state: 'failed', attempt: 3, started_at: at, ended_at: at } as unknown as Agent;
    const [row] = timelineOf([ended], []);
    assert.deepEqual(row?.spans, [{ from: Date.parse(at), to: Date.parse(at), kind: 'failed', attempt: 3 }]);
  });

  it('has at most as many marks as wanted, at round distances', () => {
    for (const length of [900, 4_000, 61_000, 3_600_000, 8 * 3_600_000, 30 * 86_400_000]) {
      const marks = marksOf(length, 6);
      assert.ok(marks.length >= 1 && marks.length <= 7, `${length}: ${marks}`);
      assert.ok((marks.at(-1) ?? 0) <= length);
    }
  });
});

describe('the form of a team', () => {
  it('makes a plan without what was left empty', () => {
    const one = { ...newAgent(1), role: 'tester', task: ' Test. ', after: 'a, b,' };
    const two = { ...newAgent(2), role: 'command', task: 'Run.', backend: 'command', command: 'ls' };
    assert.deepEqual(planOf({ ...emptyTeam, objective: 'Try.', maxTokens: '500', agents: [one, two] }), {
      objective: 'Try.',
      strategy: 'parallel',
      budget: { max_tokens: 500 },
      agents: [
        { role: 'tester', task: 'Test.', depends_on: ['a', 'b'] },
        { role: 'command', task: 'Run.', backend: 'command', command: 'ls' },
      ],
    });
  });
});

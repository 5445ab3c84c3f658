import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isMaosError } from '../../src/domain/errors.ts';
import type { AgentId, MessageId, SessionId } from '../../src/domain/ids.ts';
import {
  acknowledgeMessage,
  backoffMs,
  deliverMessage,
  expireMessage,
  giveBackMessage,
  isSameMessage,
  type Message,
  type MessageDraft,
  type MessageState,
  messageEvent,
  messageStates,
  messageTransitions,
  queueMessage,
} from '../../src/domain/message.ts';
import { canTransition } from '../../src/domain/transitions.ts';

const sessionId = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYZ' as SessionId;
const idOf = (last: string) => `msg_01K0ABCDEFGHJKMNPQRSTVWXY${last}` as MessageId;
const asker = 'agent_qa_1_aaaaaa' as AgentId;
const asked = 'agent_qa_2_bbbbbb' as AgentId;
const startMs = Date.parse('2026-03-01T10:00:00.000Z');
const at = (seconds: number): string => new Date(startMs + seconds * 1_000).toISOString();

function draft(more: Partial<MessageDraft> = {}): MessageDraft {
  return {
    id: idOf('A'),
    sessionId,
    from: asker,
    to: asked,
    type: 'request',
    subject: 'Ports',
    body: 'Which port?',
    contentType: 'text/plain',
    schemaVersion: 1,
    correlationId: null,
    replyTo: null,
    broadcastId: null,
    maxAttempts: 3,
    ...more,
  };
}

const queued = (more: Partial<MessageDraft> = {}): Message => queueMessage(draft(more), null, at(0));
const delivered = (more: Partial<MessageDraft> = {}): Message => deliverMessage(queued(more), 60_000, at(1));
const failed = { reason: 'no idea', retry: true };
const refused = { reason: 'never', retry: false };

const samples: Readonly<Record<MessageState, Message>> = {
  queued: giveBackMessage(delivered(), 1, failed, at(2), 0),
  delivered: delivered(),
  acknowledged: acknowledgeMessage(delivered(), 1, at(2)),
  dead: giveBackMessage(delivered(), 1, refused, at(2), 0),
};

/** Each way into a state, tried on a message in whatever state. */
const ways: Readonly<Record<MessageState, (message: Message) => Message>> = {
  queued: (message) => giveBackMessage(message, message.attempt, failed, at(3), 0),
  delivered: (message) => deliverMessage(message, 60_000, at(3)),
  acknowledged: (message) => acknowledgeMessage(message, message.attempt, at(3)),
  dead: (message) => giveBackMessage(message, message.attempt, refused, at(3), 0),
};

/** What is said again, by a caller who did not get the answer, changes nothing. */
const repeats: readonly string[] = ['queued queued', 'acknowledged acknowledged', 'dead dead', 'dead queued'];

describe('the states of a message', () => {
  for (const from of messageStates) {
    for (const to of messageStates) {
      const isRepeat = repeats.includes(`${from} ${to}`);
      const allowed = canTransition(messageTransitions, from, to);
      it(`${allowed ? 'lead' : isRepeat ? 'stay' : 'never lead'} from ${from} to ${to}`, () => {
        const message = samples[from];
        if (allowed) assert.equal(ways[to](message).state, to);
        else if (isRepeat) assert.equal(ways[to](message), message);
        else assert.throws(() => ways[to](message), { code: 'INVALID_TRANSITION' });
      });
    }
  }

  it('carry what belongs to them, and nothing of the state before', () => {
    const { queued: again, delivered: held, acknowledged, dead } = samples;
    assert.deepEqual([again.availableAt, again.leaseUntil, again.lastTrouble], [at(3), null, 'no idea']);
    assert.deepEqual(
      [held.availableAt, held.leaseUntil, held.deliveredAt, held.attempt],
      [null, at(61), at(1), 1],
    );
    assert.deepEqual([acknowledged.leaseUntil, acknowledged.acknowledgedAt], [null, at(2)]);
    assert.deepEqual([dead.leaseUntil, dead.deadAt, dead.deadReason], [null, at(2), 'rejected: never']);
  });

  it('have an event each, which says whom the message is for', () => {
    for (const state of messageStates) {
      const event = messageEvent(samples[state], at(9));
      assert.deepEqual([event.type, event.agentId, event.sessionId], [`message.${state}`, asked, sessionId]);
    }
    assert.equal(messageEvent(queued({ to: null }), at(9)).agentId, null);
  });
});

describe('a delivery', () => {
  it('that is over cannot be acknowledged or given back, whatever its receiver says', () => {
    const second = deliverMessage(expireMessage(delivered(), at(61)), 60_000, at(62));
    assert.equal(second.attempt, 2);
    for (const attempt of [1, 3]) {
      assert.throws(() => acknowledgeMessage(second, attempt, at(63)), {
        code: 'INVALID_TRANSITION',
        message: /Attempt [13] of message msg_\w+ is not in progress: it has been delivered 2 times since/,
      });
      assert.throws(() => giveBackMessage(second, attempt, failed, at(63), 0), {
        code: 'INVALID_TRANSITION',
      });
    }
    assert.equal(acknowledgeMessage(second, 2, at(63)).state, 'acknowledged');
  });

  it('ends when its lease does: the message is queued again at once', () => {
    const held = delivered();
    assert.equal(expireMessage(held, at(60.999)), held);
    const again = expireMessage(held, at(61));
    assert.deepEqual([again.state, again.availableAt, again.attempt], ['queued', at(61), 1]);
    assert.throws(() => acknowledgeMessage(again, 1, at(62)), {
      message: /not acknowledged by 2026.*Lease it/,
    });
    assert.equal(expireMessage(again, at(99)), again);
  });

  it('was the last one when the attempts are used up, however it ended', () => {
    let message = queued({ maxAttempts: 2 });
    message = expireMessage(deliverMessage(message, 1_000, at(1)), at(2));
    assert.equal(message.state, 'queued');
    const last = deliverMessage(message, 1_000, at(3));
    assert.deepEqual(
      [expireMessage(last, at(4)), giveBackMessage(last, 2, failed, at(4), 0)].map((dead) => [
        dead.state,
        dead.deadReason,
      ]),
      [
        ['dead', `delivered 2 of 2 times; last failure: not acknowledged by ${at(4)}`],
        ['dead', 'delivered 2 of 2 times; last failure: no idea'],
      ],
    );
  });
});

describe('backoffMs', () => {
  it('doubles, up to five minutes', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 9, 10, 20, 1_000].map((attempt) => backoffMs(attempt, 0)),
      [1_000, 2_000, 4_000, 8_000, 256_000, 300_000, 300_000, 300_000],
    );
  });

  it('lies between a half and the whole of that, by chance alone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (attempt, chance) => {
          const whole = backoffMs(attempt, 0);
          const wait = backoffMs(attempt, chance);
          assert.ok(Number.isInteger(wait) && wait <= whole && wait >= whole / 2, `${wait} of ${whole}`);
        },
      ),
    );
    assert.notEqual(backoffMs(3, 0.1), backoffMs(3, 0.9));
  });
});

describe('a response', () => {
  const request = queued();
  const answer = (more: Partial<MessageDraft> = {}): Message =>
    queueMessage(
      draft({ id: idOf('B'), type: 'response', from: asked, to: asker, replyTo: request.id, ...more }),
      request,
      at(5),
    );

  it('takes over the correlation of its request', () => {
    assert.equal(request.correlationId, request.id);
    assert.equal(answer().correlationId, request.id);
    assert.equal(answer({ correlationId: request.id }).correlationId, request.id);
  });

  it('is refused when it does not fit the request', () => {
    const cases: [Partial<MessageDraft>, RegExp][] = [
      [{ replyTo: null }, /needs reply_to/],
      [{ replyTo: idOf('C') }, /has no message msg_\w+ \(reply_to\)/],
      [{ from: null }, /must go the other way, not from outside the team to agent_qa_1_aaaaaa/],
      [{ to: asked }, /must go the other way/],
      [{ correlationId: 'other' }, /is "msg_\w+", not "other"/],
      [{ sessionId: 'sess_01K0ABCDEFGHJKMNPQRSTVWXYA' as SessionId }, /has no message msg_\w+ \(reply_to\)/],
      [{ schemaVersion: 2 }, /Unknown schema_version 2: this version of MAOS supports 1/],
    ];
    for (const [more, message] of cases)
      assert.throws(() => answer(more), { code: 'INVALID_INPUT', message });
    const notification = queued({ type: 'notification' });
    assert.equal(notification.correlationId, null);
    assert.throws(
      () => queueMessage(draft({ type: 'response', replyTo: notification.id }), notification, at(1)),
      { message: /is a notification: only a request can get a response/ },
    );
  });

  it('to one of a broadcast belongs to the broadcast', () => {
    const part = queued({ broadcastId: idOf('Z') });
    assert.equal(part.correlationId, idOf('Z'));
  });
});

describe('isSameMessage', () => {
  it('tells a message sent again from another one under its id', () => {
    const stored = acknowledgeMessage(delivered(), 1, at(2));
    assert.ok(isSameMessage(stored, queueMessage(draft(), null, at(50))));
    const others: Partial<MessageDraft>[] = [
      { body: 'x' },
      { subject: 'x' },
      { to: null },
      { from: null },
      { type: 'notification' },
      { correlationId: 'x' },
      { contentType: 'text/html' },
      { maxAttempts: 4 },
      { broadcastId: idOf('Z') },
    ];
    for (const more of others) assert.ok(!isSameMessage(stored, queued(more)), JSON.stringify(more));
  });

  it('passes over who a part of a broadcast is for', () => {
    const part = queued({ broadcastId: idOf('Z') });
    assert.ok(isSameMessage(part, queued({ id: idOf('B'), to: asker, broadcastId: idOf('Z') })));
    assert.ok(!isSameMessage(part, queued({ body: 'x', broadcastId: idOf('Z') })));
  });
});

describe('any course of a message', () => {
  const step = fc.record({
    what: fc.constantFrom('deliver', 'acknowledge', 'give back', 'refuse', 'expire'),
    attempt: fc.integer({ min: 0, max: 6 }),
    seconds: fc.integer({ min: 0, max: 100 }),
    chance: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  });

  it('keeps to the table, to its attempts, and to what its state carries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 40 }), (maxAttempts, steps) => {
        let message = queued({ maxAttempts });
        let now = 0;
        for (const { what, attempt, seconds, chance } of steps) {
          now += seconds;
          const before = message;
          try {
            if (what === 'deliver') message = deliverMessage(message, 30_000, at(now));
            else if (what === 'acknowledge') message = acknowledgeMessage(message, attempt, at(now));
            else if (what === 'expire') message = expireMessage(message, at(now));
            else {
              const refusal = what === 'refuse' ? refused : failed;
              message = giveBackMessage(message, attempt, refusal, at(now), chance);
            }
          } catch (error) {
            assert.ok(isMaosError(error, 'INVALID_TRANSITION'), String(error));
          }
          if (message === before) continue;
          assert.ok(canTransition(messageTransitions, before.state, message.state));
          assert.ok(message.attempt <= maxAttempts && message.attempt >= before.attempt);
          assert.equal(message.availableAt !== null, message.state === 'queued');
          assert.equal(message.leaseUntil !== null, message.state === 'delivered');
          assert.equal(message.acknowledgedAt !== null, message.state === 'acknowledged');
          assert.equal(message.deadAt !== null && message.deadReason !== '', message.state === 'dead');
          assert.equal(message.deliveredAt === null, message.attempt === 0);
        }
      }),
    );
  });
});

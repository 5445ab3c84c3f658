import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMaosError } from '../../src/domain/errors.ts';
import type { AgentId, MessageId, SessionId } from '../../src/domain/ids.ts';
import {
  type ConversationWay,
  isSameMessage,
  type Message,
  type MessageDraft,
  type MessageState,
  messageStates,
  messageTransitions,
  queueMessage,
} from '../../src/domain/message.ts';
import {
  acknowledgeMessage,
  answerMessage,
  backoffMs,
  buryMessage,
  claimMessage,
  confirmDelivery,
  deliverMessage,
  expireMessage,
  giveBackMessage,
  messageEvent,
  releaseMessage,
} from '../../src/domain/message-delivery.ts';
import { canTransition } from '../../src/domain/transitions.ts';
import { fc } from '../helpers/properties.ts';

const sessionId = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYZ' as SessionId;
const idOf = (last: string) => `msg_01K0ABCDEFGHJKMNPQRSTVWXY${last}` as MessageId;
const asker = 'agent_qa_1_aaaaaa' as AgentId;
const asked = 'agent_qa_2_bbbbbb' as AgentId;
/** Evidence in the conversation of the recipient. */
const seen = (attempt: number, via: ConversationWay = 'live') => ({ agentId: asked, attempt, via });
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
    expiresAt: null,
    ...more,
  };
}

const queued = (more: Partial<MessageDraft> = {}): Message => queueMessage(draft(more), null, at(0));
const delivered = (more: Partial<MessageDraft> = {}): Message => deliverMessage(queued(more), 60_000, at(1));
const failed = { reason: 'no idea', retry: true };
const refused = { reason: 'never', retry: false };

const untilThen = { expiresAt: at(90) };
const samples: Readonly<Record<MessageState, Message>> = {
  queued: giveBackMessage(delivered(untilThen), 1, failed, at(2), 0),
  delivered: delivered(untilThen),
  acknowledged: acknowledgeMessage(delivered(untilThen), 1, at(2)),
  expired: expireMessage(queued(untilThen), at(90)),
  dead: giveBackMessage(delivered(untilThen), 1, refused, at(2), 0),
};

/** Each way into a state, tried on messages in every state. */
const ways: Readonly<Record<MessageState, (message: Message) => Message>> = {
  queued: (message) => giveBackMessage(message, message.attempt, failed, at(3), 0),
  delivered: (message) => deliverMessage(message, 60_000, at(3)),
  acknowledged: (message) => acknowledgeMessage(message, message.attempt, at(3)),
  expired: (message) => expireMessage(message, at(99)),
  dead: (message) => buryMessage(message, 'qa has failed', at(3)),
};

/** Repeating a step, as a caller without the response would, changes nothing. */
const repeats: readonly string[] = [
  'queued queued',
  'acknowledged acknowledged',
  'dead queued',
  // Expiry and the recipient's end do not change a final state.
  ...['acknowledged', 'dead', 'expired'].flatMap((from) => [`${from} expired`, `${from} dead`]),
];

describe('the states of a message', () => {
  for (const from of messageStates) {
    for (const to of messageStates) {
      const isRepeat = repeats.includes(`${from} ${to}`);
      const allowed = canTransition(messageTransitions, from, to);
      // For a delivered message, only its receiver decides this; tested below.
      if (from === 'delivered' && to === 'dead') continue;
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

describe('a way into a conversation', () => {
  it('belongs to one: claimed, it is delivered to nobody else, and on evidence alone', () => {
    const claimed = claimMessage(queued(), 2, 'live');
    assert.deepEqual(
      [claimed.state, claimed.via, claimed.agentAttempt, claimed.attempt],
      ['queued', 'live', 2, 0],
    );
    for (const other of [
      () => claimMessage(claimed, 2, 'tool'),
      () => deliverMessage(claimed, 1_000, at(1)),
    ]) {
      assert.throws(other, {
        code: 'INVALID_TRANSITION',
        message: /on its way to attempt 2 of its recipient \(live\)/,
      });
    }
    assert.equal(confirmDelivery(claimed, seen(1), at(2)), claimed, 'evidence of another attempt');
    assert.equal(confirmDelivery(claimed, seen(2, 'tool'), at(2)), claimed, 'evidence of another way');
    const elsewhere = { ...seen(2), agentId: asker };
    assert.equal(confirmDelivery(claimed, elsewhere, at(2)), claimed, 'evidence in another conversation');
    assert.equal(
      confirmDelivery(queued(), seen(1), at(2)).state,
      'queued',
      'evidence of nothing that was written',
    );
    const there = confirmDelivery(claimed, seen(2), at(2));
    assert.deepEqual(
      [there.state, there.via, there.leaseUntil, there.attempt],
      ['delivered', 'live', null, 1],
    );
    assert.equal(confirmDelivery(there, seen(2), at(3)), there);
    const late = { ...there, expiresAt: at(3) };
    assert.equal(expireMessage(late, at(9)), late, 'no lease ends it');
    assert.throws(() => giveBackMessage(there, 1, failed, at(3), 0), {
      message: /conversation: it cannot be given back/,
    });
    assert.equal(acknowledgeMessage(there, null, at(4)).state, 'acknowledged');
  });

  it('that ended without evidence leaves the message waiting, and says so', () => {
    const claimed = claimMessage(queued(), 2, 'tool');
    for (const stays of [releaseMessage(claimed, 1), releaseMessage(claimed, 2, 'live')])
      assert.equal(stays, claimed);
    const again = releaseMessage(claimed, 2);
    assert.deepEqual([again.state, again.via, again.agentAttempt], ['queued', null, null]);
    assert.equal(again.lastTrouble, 'not seen in the conversation of attempt 2 (tool)');
    const there = confirmDelivery(claimed, seen(2, 'tool'), at(2));
    assert.equal(releaseMessage(there, 2), there);
  });

  it('outlasts the deadline once it is taken; what waits does not', () => {
    const late = queued({ expiresAt: at(5) });
    assert.equal(expireMessage(late, at(4.999)), late);
    assert.equal(expireMessage(late, at(5)).state, 'expired');
    const claimed = claimMessage(late, 1, 'live');
    assert.equal(expireMessage(claimed, at(9)), claimed);
    assert.equal(expireMessage(releaseMessage(claimed, 1), at(9)).state, 'expired');
  });

  it('is proven by an answer, which is the acknowledgement', () => {
    for (const sent of [queued(), claimMessage(queued(), 1, 'live'), delivered()]) {
      const answered = answerMessage(sent, at(5));
      assert.deepEqual(
        [answered.state, answered.attempt, answered.acknowledgedAt],
        ['acknowledged', 1, at(5)],
      );
    }
    const { expired, dead, acknowledged } = samples;
    for (const over of [expired, dead, acknowledged]) assert.equal(answerMessage(over, at(5)), over);
  });
});

describe('any course of a message', () => {
  const step = fc.record({
    what: fc.constantFrom(
      ...(['deliver', 'acknowledge', 'give back', 'refuse', 'expire'] as const),
      ...(['claim', 'confirm', 'release', 'answer', 'bury'] as const),
    ),
    attempt: fc.integer({ min: 0, max: 6 }),
    seconds: fc.integer({ min: 0, max: 100 }),
    chance: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  });

  it('keeps to the table, to its attempts, and to what its state carries', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 40, size: 'max' }),
        (maxAttempts, steps) => {
          let message = queued({ maxAttempts, expiresAt: at(900) });
          let now = 0;
          for (const { what, attempt, seconds, chance } of steps) {
            now += seconds;
            const before = message;
            try {
              if (what === 'deliver') message = deliverMessage(message, 30_000, at(now));
              else if (what === 'acknowledge') message = acknowledgeMessage(message, attempt, at(now));
              else if (what === 'expire') message = expireMessage(message, at(now));
              else if (what === 'claim') message = claimMessage(message, attempt, 'live');
              else if (what === 'confirm') message = confirmDelivery(message, seen(attempt), at(now));
              else if (what === 'release') message = releaseMessage(message, attempt);
              else if (what === 'answer') message = answerMessage(message, at(now));
              else if (what === 'bury') message = buryMessage(message, 'gone', at(now));
              else {
                const refusal = what === 'refuse' ? refused : failed;
                message = giveBackMessage(message, attempt, refusal, at(now), chance);
              }
            } catch (error) {
              assert.ok(isMaosError(error, 'INVALID_TRANSITION'), String(error));
            }
            if (message === before) continue;
            const isSideStep = ['claim', 'release'].includes(what) && message.state === 'queued';
            // An answer proves the delivery and acknowledges it.
            const from = what === 'answer' && before.state === 'queued' ? 'delivered' : before.state;
            assert.ok(isSideStep || canTransition(messageTransitions, from, message.state));
            assert.ok(message.attempt <= maxAttempts && message.attempt >= before.attempt);
            assert.equal(message.availableAt !== null, message.state === 'queued');
            assert.equal(
              message.leaseUntil !== null,
              message.state === 'delivered' && message.via === 'lease',
            );
            assert.ok(message.via !== null || message.agentAttempt === null);
            assert.equal(message.acknowledgedAt !== null, message.state === 'acknowledged');
            assert.equal(message.deadAt !== null && message.deadReason !== '', message.state === 'dead');
            assert.equal(message.deliveredAt === null, message.attempt === 0);
          }
        },
      ),
    );
  });
});

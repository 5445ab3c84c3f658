import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { MessageStore } from '../../src/application/ports/messages.ts';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import { type AgentId, type MessageId, makeMessageId, type SessionId } from '../../src/domain/ids.ts';
import {
  type Message,
  type MessageDraft,
  type MessageLimits,
  queueMessage,
} from '../../src/domain/message.ts';
import { acknowledgeMessage, deliverMessage, expireMessage } from '../../src/domain/message-delivery.ts';
import { makeIdSource } from '../../src/infrastructure/ids.ts';
import { at, created, instanceId, later } from '../infrastructure/sqlite/samples.ts';

const ids = makeIdSource();

/** No limit except that of waiting messages. */
export const room = (maxWaiting: number): MessageLimits => ({ maxWaiting, perMinute: null, maxExchange: 40 });

export interface Bench<Store extends SessionStore> {
  readonly store: Store;
  readonly messages: MessageStore;
  readonly sessionId: SessionId;
  readonly from: AgentId;
  readonly to: AgentId;
  draft(more?: Partial<MessageDraft>): Message;
  send(more?: Partial<MessageDraft>): Message;
}

/** A session of two agents in the store, and messages from the first to the second. */
export function messageBench<Store extends SessionStore>(store: Store): Bench<Store> {
  const change = created();
  const { sessionId } = store.create(change, instanceId());
  const [from, to] = change.next.agents.map(({ id }) => id) as [AgentId, AgentId];
  const draft = (more: Partial<MessageDraft> = {}): Message =>
    queueMessage(
      {
        id: makeMessageId(ids.ulid()),
        sessionId,
        from,
        to,
        type: 'notification',
        subject: 'Done',
        body: 'It is done.\nAll of it: "ä" \u{1f600}',
        contentType: 'text/plain',
        schemaVersion: 1,
        correlationId: null,
        replyTo: null,
        broadcastId: null,
        maxAttempts: 3,
        expiresAt: null,
        ...more,
      },
      null,
      at,
    );
  const send = (more?: Partial<MessageDraft>): Message => {
    const message = draft(more);
    assert.equal(store.messages.add(message.id, [message], room(10_000), at), null);
    return message;
  };
  return { store, messages: store.messages, sessionId, from, to, draft, send };
}

/** What the application requires of every store of messages. */
export function messageStoreContract(open: (t: TestContext) => SessionStore): void {
  describe('the message store', () => {
    it('gives back what was stored, whole, through every state', (t) => {
      const { messages, sessionId, to, send } = messageBench(open(t));
      const sent = send({ replyTo: null, correlationId: 'c-1' });
      assert.deepEqual(messages.find(sent.id), sent);
      const take = (message: Message) => deliverMessage(message, 1_000, later);
      const [taken = assert.fail()] = messages.take({ sessionId, agentId: to }, 5, take, later);
      assert.deepEqual(taken, deliverMessage(sent, 1_000, later));
      assert.deepEqual(messages.find(sent.id), taken);
      const done = messages.change(sent.id, (message) => acknowledgeMessage(message, 1, later), later);
      assert.equal(done?.state, 'acknowledged');
      assert.deepEqual(messages.find(sent.id), done);
      assert.equal(messages.find(makeMessageId(ids.ulid())), null);
      assert.equal(
        messages.change(makeMessageId(ids.ulid()), (message) => message, later),
        null,
      );
    });

    it('finds ids by their beginning and by their end', (t) => {
      const { messages, send } = messageBench(open(t));
      const { id } = send();
      for (const text of [id, id.slice(0, 12), id.slice(-6), id.slice(4), id.slice(-6).toLowerCase()]) {
        assert.deepEqual(messages.findByText(text, 9), [id], text);
      }
      for (const text of [`msg_${id.slice(-6)}`, '%', 'x_y', 'req_']) {
        assert.deepEqual(messages.findByText(text, 9), [], text);
      }
      send();
      assert.equal(messages.findByText('msg_', 9).length, 2);
      assert.equal(messages.findByText('msg_', 1).length, 1);
    });

    it('stores every change with its event, and neither when the change is refused', (t) => {
      const { store, messages, sessionId, to, send } = messageBench(open(t));
      const before = store.lastSeq(sessionId);
      const { id } = send();
      messages.take({ sessionId, agentId: to }, 1, (message) => deliverMessage(message, 1_000, later), later);
      assert.throws(() => messages.change(id, (message) => acknowledgeMessage(message, 2, later), later), {
        code: 'INVALID_TRANSITION',
      });
      messages.change(id, (message) => message, later);
      messages.change(id, (message) => acknowledgeMessage(message, 1, later), later);
      assert.deepEqual(
        store.events(sessionId, before, 10).map(({ type, agentId }) => [type, agentId]),
        ['queued', 'delivered', 'acknowledged'].map((state) => [`message.${state}`, to]),
      );
    });

    it('hands out what is due, the longest waiting first, to its recipient alone', (t) => {
      const { messages, sessionId, from, to, draft, send } = messageBench(open(t));
      const first = send();
      const late = { ...draft(), availableAt: later };
      messages.add(late.id, [late], room(10), at);
      const second = send();
      const stranger = send({ to: from });
      const outsider = send({ to: null });
      const take = (agentId: AgentId | null, max: number, when: string): readonly MessageId[] =>
        messages
          .take({ sessionId, agentId }, max, (message) => deliverMessage(message, 1_000, when), when)
          .map(({ id }) => id);
      assert.equal(messages.nextDue({ sessionId, agentId: to }), at);
      assert.deepEqual(take(to, 1, at), [first.id]);
      assert.deepEqual(take(to, 9, at), [second.id]);
      assert.equal(messages.nextDue({ sessionId, agentId: to }), '2026-03-01T10:00:01.000Z');
      assert.deepEqual(take(to, 9, later), [late.id]);
      assert.deepEqual(take(null, 9, at), [outsider.id]);
      assert.deepEqual(take(from, 9, at), [stranger.id]);
    });

    it('stores all of a broadcast or nothing, and only once', (t) => {
      const { messages, sessionId, from, to, draft } = messageBench(open(t));
      const id = makeMessageId(ids.ulid());
      const parts = [draft({ broadcastId: id }), draft({ broadcastId: id, to: from })];
      assert.throws(() => messages.add(id, parts, room(0), at), { code: 'RESOURCE_LIMIT_EXCEEDED' });
      assert.equal(messages.list({ sessionId, limit: 9 }).length, 0);
      assert.equal(messages.add(id, parts, room(1), at), null);
      assert.deepEqual(
        messages.add(id, [draft({ broadcastId: id, body: 'x' })], room(1), at)?.map((message) => message.to),
        [to, from],
      );
      assert.equal(messages.list({ sessionId, limit: 9 }).length, 2);
    });

    it('lists newest first, by every filter, page by page', (t) => {
      const { messages, sessionId, from, to, send } = messageBench(open(t));
      const all = [
        send(),
        send({ to: from, correlationId: 'c' }),
        send({ to: null, type: 'request' }),
        send(),
      ].map(({ id }) => id);
      const list = (more: object): readonly number[] =>
        messages.list({ sessionId, limit: 10, ...more }).map(({ id }) => all.indexOf(id));
      assert.deepEqual(list({}), [3, 2, 1, 0]);
      assert.deepEqual(list({ limit: 2 }), [3, 2]);
      assert.deepEqual(list({ limit: 2, before: all[2] }), [1, 0]);
      assert.deepEqual([list({ to }), list({ to: null }), list({ to: from })], [[3, 0], [2], [1]]);
      assert.deepEqual([list({ type: 'request' }), list({ correlationId: 'c' })], [[2], [1]]);
      assert.deepEqual([list({ state: 'queued', to }), list({ state: 'dead' })], [[3, 0], []]);
    });

    it('moves only leases that have run out, a batch at a time', (t) => {
      const { messages, sessionId, to, send } = messageBench(open(t));
      for (let i = 0; i < 5; i++) send();
      const expire = (when: string, max: number) =>
        messages.changeExpired((message) => expireMessage(message, when), when, max).length;
      assert.equal(expire(later, 10), 0);
      messages.take({ sessionId, agentId: to }, 5, (message) => deliverMessage(message, 1_000, at), at);
      assert.equal(expire('2026-03-01T10:00:00.999Z', 10), 0);
      assert.deepEqual([expire(later, 3), expire(later, 3), expire(later, 3)], [3, 2, 0]);
      assert.equal(messages.list({ sessionId, state: 'queued', limit: 9 }).length, 5);
    });
  });
}

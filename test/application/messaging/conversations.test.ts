import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Mailbox } from '../../../src/application/messaging/mailbox.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import { cancelAgent } from '../../../src/domain/cancel.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import type { AgentId, MessageId } from '../../../src/domain/ids.ts';
import type { ConversationWay } from '../../../src/domain/message.ts';
import { fc } from '../../helpers/properties.ts';
import { realProject } from '../../helpers/real-project.ts';
import { created } from '../../infrastructure/sqlite/samples.ts';

/** Changed only by the steps. */
let nowMs = Date.parse('2026-03-01T10:00:00.000Z');
const clock: Clock = {
  now: () => new Date(nowMs).toISOString(),
  elapsedMs: () => nowMs,
  after: () => () => {},
};

type Step =
  | { readonly what: 'send'; readonly from: number; readonly expiresMs: number | null }
  | { readonly what: 'claim'; readonly via: ConversationWay; readonly max: number }
  /** The CLI accepts the next inputs of one way into the conversation, and prints them. */
  | { readonly what: 'take'; readonly via: ConversationWay; readonly count: number }
  /** MAOS reads the CLI's output. */
  | { readonly what: 'read' }
  /** MAOS is killed and restarted. It knows only what is stored, what it has written, and the CLI's output. */
  | { readonly what: 'kill' }
  | { readonly what: 'reply' | 'acknowledge' }
  | { readonly what: 'lease'; readonly gives: 'acknowledge' | 'give back' | 'nothing' }
  | { readonly what: 'new attempt' }
  | { readonly what: 'wait'; readonly ms: number }
  | { readonly what: 'end' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('send' as const),
      from: fc.nat(2),
      expiresMs: fc.option(fc.integer({ min: 1, max: 200 }), { freq: 3 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('claim' as const),
      via: fc.constantFrom('live', 'tool', 'prompt'),
      max: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('take' as const),
      via: fc.constantFrom('live', 'tool', 'prompt'),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ what: 'read' as const }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom({ what: 'kill' as const }, { what: 'new attempt' as const }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom({ what: 'reply' as const }, { what: 'acknowledge' as const }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('lease' as const),
      gives: fc.constantFrom('acknowledge', 'give back', 'nothing'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('wait' as const), ms: fc.nat(300) }) },
);

describe('messages into a conversation that is resumed from attempt to attempt', () => {
  it('come once, in the order of each sender, and what does not come has an end with a name', async (t) => {
    const { project } = realProject(t, { clock });
    const mailbox = new Mailbox(project);
    const property = fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const change = created();
      const lease = project.store.create(change, project.instance);
      const { sessionId } = lease;
      const [from, to, other] = change.next.agents.map(({ id }) => id) as [AgentId, AgentId, AgentId];
      const recipient = { sessionId, agentId: to };
      const senders = [from, other, null];
      const sent: MessageId[] = [];
      let attempt = 1;
      let written = nothingWritten();
      let printed: { id: MessageId; via: ConversationWay }[] = [];
      const conversation: MessageId[] = [];
      const leased = new Set<MessageId>();

      const read = () => {
        for (const { id, via } of printed) mailbox.delivered(id, { agentId: to, attempt, via });
      };
      const nextAttempt = () => {
        read();
        mailbox.release(to, attempt);
        attempt += 1;
        written = nothingWritten();
        printed = [];
      };
      const act = async (now: Step): Promise<void> => {
        nowMs += 1;
        switch (now.what) {
          case 'send': {
            const expiresAt = now.expiresMs === null ? null : new Date(nowMs + now.expiresMs).toISOString();
            const request = { sessionId, from: senders[now.from] ?? null, to, expiresAt };
            const [message] = mailbox.send({ ...draft, ...request }).messages;
            sent.push(message?.id ?? assert.fail());
            return;
          }
          case 'claim':
            written[now.via].push(...mailbox.claim(recipient, attempt, now.via, now.max).map(({ id }) => id));
            return;
          case 'take': {
            const taken = written[now.via].splice(0, now.count);
            conversation.push(...taken);
            printed.push(...taken.map((id) => ({ id, via: now.via })));
            return;
          }
          case 'read':
          case 'kill':
            // After a kill, the output is read again from its beginning.
            read();
            if (now.what === 'read') printed = [];
            return;
          case 'reply':
          case 'acknowledge': {
            const id = conversation.at(-1);
            if (id === undefined) return;
            if (now.what === 'acknowledge') return void mailbox.acknowledge(id, null);
            const message = mailbox.find(id) ?? assert.fail();
            mailbox.send({ ...draft, sessionId, from: to, to: null, replyTo: id, body: `To ${message.id}.` });
            return;
          }
          case 'lease': {
            const options = { max: 1, leaseMs: 50, waitMs: 0 };
            for (const { id, attempt: delivery } of await mailbox.lease(recipient, options, never)) {
              leased.add(id);
              if (now.gives === 'acknowledge') mailbox.acknowledge(id, delivery);
              if (now.gives === 'give back') mailbox.giveBack(id, delivery, { reason: 'Busy.', retry: true });
            }
            return;
          }
          case 'new attempt':
            return nextAttempt();
          case 'wait':
            nowMs += now.ms;
            return;
          case 'end':
        }
      };
      for (const now of steps) {
        try {
          await act(now);
        } catch (error) {
          // Acknowledged before MAOS has read the CLI's output.
          assert.ok(isMaosError(error, 'INVALID_TRANSITION'), String(error));
        }
      }

      read();
      assert.equal(new Set(conversation).size, conversation.length, 'a message came twice');
      for (const sender of senders) {
        const theirs = conversation.filter(
          (id) => !leased.has(id) && (mailbox.find(id)?.from ?? null) === sender,
        );
        assert.deepEqual(
          theirs,
          [...theirs].sort((a, b) => sent.indexOf(a) - sent.indexOf(b)),
          'out of order',
        );
      }
      for (const id of conversation) {
        const { state } = mailbox.find(id) ?? assert.fail();
        assert.ok(state === 'delivered' || state === 'acknowledged', `in the conversation, but ${state}`);
      }
      const workflow = project.store.load(sessionId);
      mailbox.release(to, attempt);
      project.store.commit(lease, workflow, cancelAgent(workflow, to, 'Enough.', clock.now()));
      nowMs += 3_600_000;
      for (const id of sent) {
        const { state, deadReason, lastTrouble } = mailbox.find(id) ?? assert.fail('lost');
        assert.notEqual(state, 'queued', 'nobody will take it');
        assert.equal(state === 'dead', deadReason !== null, `${lastTrouble}`);
        if (state === 'delivered') assert.ok(conversation.includes(id), 'delivered to nobody');
      }
      assert.throws(() => mailbox.send({ ...draft, sessionId, from: null, to }), {
        code: 'INVALID_TRANSITION',
        message: /Nothing was sent: qa was cancelled\./,
      });
      project.store.release(lease);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});

const nothingWritten = (): Record<ConversationWay, MessageId[]> => ({ live: [], tool: [], prompt: [] });
const never = new AbortController().signal;
const draft = {
  id: null,
  type: 'notification',
  subject: '',
  body: 'Look.',
  contentType: 'text/plain',
  schemaVersion: null,
  correlationId: null,
  replyTo: null,
  maxAttempts: null,
} as const;

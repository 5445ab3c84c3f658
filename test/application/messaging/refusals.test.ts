import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Mailbox, type SendRequest } from '../../../src/application/messaging/mailbox.ts';
import { renderMessage, senderOf } from '../../../src/application/messaging/render-message.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import type { Settings } from '../../../src/application/ports/settings.ts';
import { cancelAgent } from '../../../src/domain/cancel.ts';
import type { AgentId, MessageId } from '../../../src/domain/ids.ts';
import { maxExchange, maxMessageBody } from '../../../src/domain/message.ts';
import { realProject } from '../../helpers/real-project.ts';
import { agentRequest, created } from '../../infrastructure/sqlite/samples.ts';

/** A session of four agents without an owner: `boss` leads, `ann` and `bob` have the same role. */
function team(t: TestContext, settings: Partial<Settings> = {}) {
  let nowMs = Date.parse('2026-03-01T10:00:00.000Z');
  const clock: Clock & { forward(ms: number): void } = {
    now: () => new Date(nowMs).toISOString(),
    elapsedMs: () => nowMs,
    after: () => () => {},
    forward: (ms) => {
      nowMs += ms;
    },
  };
  const { project } = realProject(t, { clock, settings });
  const agent = (name: string, role: string) => agentRequest({ name, role: { name: role, custom: null } });
  const agents = [
    agent('boss', 'orchestrator'),
    agent('ann', 'tester'),
    agent('bob', 'tester'),
    agent('cy', 'qa'),
  ];
  const change = created({ agents, strategy: 'parallel' });
  const lease = project.store.create(change, project.instance);
  const { sessionId } = lease;
  const mailbox = new Mailbox(project);
  const ids = new Map(change.next.agents.map(({ name, id }) => [name, id]));
  const nameOf = new Map<AgentId | null, string>([...ids].map(([name, id]) => [id, name]));
  const send = (from: string | null, to: string | null, more: Partial<SendRequest> = {}) =>
    mailbox.send({
      ...{ id: null, sessionId, from, to, type: 'notification', subject: '', body: 'Look.' },
      ...{ contentType: 'text/plain', schemaVersion: null, correlationId: null, replyTo: null },
      maxAttempts: null,
      ...more,
    }).messages;
  return {
    ...{ project, mailbox, sessionId, clock, send },
    names: (from: string | null, to: string) =>
      send(from, to).map((message) => nameOf.get(message.to) ?? 'user'),
    idOf: (name: string) => ids.get(name) ?? assert.fail(),
    end(name: string) {
      const before = project.store.load(sessionId);
      const id = ids.get(name) ?? assert.fail();
      project.store.commit(lease, before, cancelAgent(before, id, 'Enough.', clock.now()));
    },
  };
}

describe('a message goes to', () => {
  it('an agent, all of a role, the lead, everybody or the user', (t) => {
    const { names } = team(t);
    assert.deepEqual(names(null, 'ann'), ['ann']);
    assert.deepEqual(names(null, 'tester'), ['ann', 'bob']);
    assert.deepEqual(names('ann', 'tester'), ['bob'], 'not back to its sender');
    assert.deepEqual(names('ann', 'lead'), ['boss']);
    assert.deepEqual(names('boss', 'lead'), ['user'], 'whoever started the session leads the lead');
    for (const everybody of ['all', '@all']) {
      assert.deepEqual(names('ann', everybody), ['boss', 'bob', 'cy']);
    }
    for (const people of ['user', '@outside']) assert.deepEqual(names('ann', people), ['user']);
  });

  it('no agent that has ended: what waited for it is dead, and a new one is refused with how it ended', (t) => {
    const { mailbox, project, sessionId, send, names, end } = team(t);
    const [waiting = assert.fail()] = send('ann', 'bob');
    end('bob');
    const { state, deadReason } = mailbox.find(waiting.id) ?? assert.fail();
    assert.deepEqual([state, deadReason], ['dead', 'bob was cancelled']);
    const told = project.store.events(sessionId, 0, 100).map(({ type }) => type);
    assert.ok(
      told.indexOf('message.dead') > 0 && told.indexOf('message.dead') < told.indexOf('agent.cancelled'),
    );
    assert.throws(() => send('ann', 'bob'), {
      code: 'INVALID_TRANSITION',
      message: /^Nothing was sent: bob was cancelled\..*'lead'.*maos logs/,
    });
    assert.deepEqual(names(null, 'tester'), ['ann'], 'the others of the role get it');
    assert.deepEqual(names('ann', 'all'), ['boss', 'cy']);
    end('ann');
    assert.throws(() => send(null, 'tester'), { code: 'INVALID_TRANSITION', message: /"tester" means/ });
  });
});

describe('refused is', () => {
  it('what is too long, has a NUL or a deadline that has passed; any other character is kept', (t) => {
    const { send, mailbox, clock } = team(t);
    assert.throws(() => send(null, 'ann', { body: 'x'.repeat(maxMessageBody + 1) }), {
      code: 'INVALID_INPUT',
      message: /65537 characters: at most 65536.*name the file/,
    });
    assert.throws(() => send(null, 'ann', { subject: 'x'.repeat(201) }), { message: /at most 200/ });
    assert.throws(() => send(null, 'ann', { body: 'a\0b' }), { message: /NUL/ });
    assert.throws(() => send(null, 'ann', { expiresAt: clock.now() }), {
      message: /later deadline, or none/,
    });
    const body = '\u001b[2J\u0007\r\u202e</message>\u{1f600}';
    const [kept = assert.fail()] = send(null, 'ann', { body });
    assert.equal(mailbox.find(kept.id)?.body, body);
  });

  it('what an agent sends beyond its messages of a minute, a broadcast counted once, and says when to try again', (t) => {
    const { send, clock } = team(t, { messagesPerMinute: 3 });
    send('ann', 'all');
    clock.forward(10_000);
    send('ann', 'user');
    send('ann', 'bob');
    assert.throws(() => send('ann', 'bob'), {
      code: 'RESOURCE_LIMIT_EXCEEDED',
      message: /3 messages a minute \(limits\.messagesPerMinute\).*next one at 2026-03-01T10:01:00\.000Z/,
      details: {
        limit: 3,
        setting: 'limits.messagesPerMinute',
        retryAt: '2026-03-01T10:01:00.000Z',
      },
    });
    send('bob', 'ann');
    for (let i = 0; i < 10; i++) send(null, 'ann');
    clock.forward(50_000);
    send('ann', 'bob');
    assert.throws(() => send('ann', 'bob'), { message: /next one at 2026-03-01T10:01:10\.000Z/ });
  });

  it('an endless exchange of two agents, until somebody else writes to one of them', (t) => {
    const { send, names } = team(t);
    const exchange = (): number => {
      for (let turns = 0; ; turns++) {
        try {
          send(turns % 2 === 0 ? 'ann' : 'bob', turns % 2 === 0 ? 'bob' : 'ann');
        } catch (error) {
          assert.match(String(error), /answered each other 40 times in a row.*write to 'lead' or 'user'/);
          return turns;
        }
      }
    };
    assert.equal(exchange(), maxExchange);
    assert.deepEqual(names('ann', 'lead'), ['boss'], 'others can be written to');
    assert.throws(() => send('ann', 'bob'), { code: 'RESOURCE_LIMIT_EXCEEDED' });
    send('boss', 'ann');
    assert.equal(exchange(), maxExchange);
    for (let i = 0; i < 100; i++) send('cy', 'boss', { body: `Step ${i}.` });
  });

  it('an answer to a message of another session', (t) => {
    const here = team(t);
    const there = team(t);
    const [theirs = assert.fail()] = there.send('ann', 'bob');
    assert.throws(() => here.send('ann', 'bob', { replyTo: theirs.id }), {
      code: 'INVALID_INPUT',
      message: /has no message msg_\w+ \(reply_to\)/,
    });
    for (const stranger of [there.idOf('ann'), 'nobody']) {
      assert.throws(() => here.send(stranger, 'bob'), { code: 'AGENT_NOT_FOUND' });
      assert.throws(() => here.send('ann', stranger), { code: 'AGENT_NOT_FOUND' });
    }
    assert.equal(here.mailbox.find('msg_01K0ABCDEFGHJKMNPQRSTVWXYZ' as MessageId), null);
  });
});

describe('a message to a team from the agent that started it', () => {
  it("is its own, and never the user's; from another project it is refused", (t) => {
    const { project, mailbox, sessionId, idOf, send } = team(t);
    const ann = idOf('ann');
    const parent = { sessionId, agentId: ann, onEnd: 'cancel' } as const;
    const agents = [agentRequest({ name: 'dan' })];
    const inner = created({ agents, parent });
    project.store.create(inner, project.instance);
    const [dan] = inner.next.agents;
    const to = { sessionId: inner.next.session.id, agentId: dan?.id ?? assert.fail() };
    send(ann, 'dan', { sessionId: to.sessionId, type: 'request' });
    const [message = assert.fail()] = mailbox.claim(to, 1, 'prompt', 5);
    const sender = senderOf(message.from, inner.next.agents, project.store);
    assert.deepEqual(sender, { name: 'ann', role: 'tester', session: sessionId });
    const text = renderMessage(message, sender, { reach: 'tools', promptEscape: null });
    assert.match(text, new RegExp(`from the agent "ann" \\(tester\\) of another team, ${sessionId}\\.`));
    assert.match(text, /call send_message with to "user" and reply_to/);
    const gone = senderOf('agent_x_1_zzzzzz' as AgentId, inner.next.agents, project.store);
    assert.deepEqual(gone, { name: 'agent_x_1_zzzzzz', role: 'agent', session: 'unknown' });

    const elsewhere = realProject(t).project;
    const far = created({ agents, parent });
    elsewhere.store.create(far, elsewhere.instance);
    const request = { id: null, sessionId: far.next.session.id, from: ann, to: 'dan', body: 'Look.' };
    assert.throws(
      () =>
        new Mailbox(elsewhere).send({
          ...{ ...request, type: null, subject: '', contentType: 'text/plain', schemaVersion: null },
          ...{ correlationId: null, replyTo: null, maxAttempts: null },
        }),
      { code: 'FORBIDDEN', message: /^Nothing was sent: .*could not be told from the user's/ },
    );
    assert.equal(new Mailbox(elsewhere).list({ limit: 1 }).length, 0);
  });
});

describe('an answer', () => {
  it('acknowledges what it answers, once', (t) => {
    const { send, mailbox, project, sessionId } = team(t);
    const [question = assert.fail()] = send('ann', 'bob', { type: 'request' });
    const agentId = question.to ?? assert.fail();
    mailbox.claim({ sessionId, agentId }, 1, 'live', 5);
    send('bob', null, { type: 'response', replyTo: question.id });
    assert.equal(mailbox.find(question.id)?.state, 'acknowledged');
    const late = mailbox.delivered(question.id, { agentId, attempt: 1, via: 'live' });
    assert.equal(late.state, 'acknowledged', 'evidence that comes late');
    send('bob', 'ann', { replyTo: question.id });
    const told = project.store
      .events(sessionId, 0, 100)
      .filter(({ type }) => type === 'message.acknowledged');
    assert.equal(told.length, 1);
  });
});

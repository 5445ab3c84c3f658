import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { verifyAudit } from '../../../src/application/maintenance/audit.ts';
import { Mailbox, type SendRequest } from '../../../src/application/messaging/mailbox.ts';
import { everyAgent, outside } from '../../../src/application/messaging/recipients.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import type { Recipient } from '../../../src/application/ports/messages.ts';
import { cancelSession } from '../../../src/domain/cancel.ts';
import { type AgentId, makeMessageId, type SessionId } from '../../../src/domain/ids.ts';
import type { Message } from '../../../src/domain/message.ts';
import { finishSession } from '../../../src/domain/session-life.ts';
import { makeIdSource } from '../../../src/infrastructure/ids.ts';
import { type RealProject, realProject } from '../../helpers/real-project.ts';
import { runStoreProcess } from '../../infrastructure/sqlite/child.ts';
import { created } from '../../infrastructure/sqlite/samples.ts';

const ids = makeIdSource();
const never = new AbortController().signal;
const failed = { reason: 'no room', retry: true };

interface Post {
  readonly real: RealProject;
  readonly mailbox: Mailbox;
  readonly sessionId: SessionId;
  readonly agents: readonly AgentId[];
  readonly to: Recipient;
  send(more?: Partial<SendRequest>): readonly Message[];
  lease(more?: { max?: number; leaseMs?: number; waitMs?: number }): Promise<readonly Message[]>;
  end(): void;
  journal(): readonly Message[];
}

/** A session of three agents without an owner. Messages go to the second agent. */
function post(t: TestContext, clock?: Clock): Post {
  const real = realProject(t, clock === undefined ? {} : { clock });
  const { project } = real;
  const change = created();
  const lease = project.store.create(change, project.instance);
  const { sessionId } = lease;
  const mailbox = new Mailbox(project);
  const agents = change.next.agents.map(({ id }) => id);
  const to = mailbox.recipient(sessionId, 'qa');
  const request: SendRequest = {
    id: null,
    sessionId,
    from: null,
    to: 'qa',
    type: 'notification',
    subject: '',
    body: 'Look.',
    contentType: 'text/plain',
    schemaVersion: null,
    correlationId: null,
    replyTo: null,
    maxAttempts: null,
  };
  return {
    real,
    mailbox,
    sessionId,
    agents,
    to,
    send: (more) => mailbox.send({ ...request, ...more }).messages,
    lease: (more) => mailbox.lease(to, { max: 10, leaseMs: 60_000, waitMs: 0, ...more }, never),
    end() {
      const cancelled = cancelSession(project.store.load(sessionId), 'Over.', project.clock.now());
      const ended = finishSession(cancelled.next, project.clock.now());
      const events = [...cancelled.events, ...(ended?.events ?? [])];
      project.store.commit(lease, change.next, { next: ended?.next ?? cancelled.next, events });
      project.store.release(lease);
    },
    journal: () =>
      readFileSync(
        join(real.files.describe(sessionId, `agents/${to.agentId ?? assert.fail()}`), 'messages.jsonl'),
        'utf8',
      )
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => {
          try {
            return [JSON.parse(line) as Message];
          } catch {
            // An incomplete line after a crash.
            return [];
          }
        }),
  };
}

/** A clock that advances only on request, and whose timers never fire. */
function stoppedClock(): Clock & { forward(ms: number): void } {
  let now = Date.parse('2026-03-01T10:00:00.000Z');
  return {
    now: () => new Date(now).toISOString(),
    elapsedMs: () => now,
    after: () => () => {},
    forward: (ms) => {
      now += ms;
    },
  };
}

describe('sending', () => {
  it('twice under one id sends once; another message under it is refused', async (t) => {
    const { mailbox, sessionId, send, lease } = post(t);
    const id = makeMessageId(ids.ulid());
    const [first] = send({ id });
    await lease();
    const [again = assert.fail()] = send({ id });
    assert.deepEqual([again.id, again.state, first?.state], [id, 'delivered', 'queued']);
    assert.equal(mailbox.list({ sessionId, limit: 9 }).length, 1);
    for (const other of [{ body: 'Do not look.' }, { to: outside }, { to: everyAgent }, { from: 'qa' }]) {
      assert.throws(() => send({ id, ...other }), {
        code: 'INVALID_INPUT',
        message: new RegExp(`A different message was already sent as ${id}`),
        details: { problem: 'conflict', id },
      });
    }
  });

  it('to all is one message for every agent but the sender, and the same ones when repeated', (t) => {
    const { agents, send } = post(t);
    const id = makeMessageId(ids.ulid());
    const sent = send({ id, from: 'qa', to: everyAgent, type: 'request' });
    const [first, qa, last] = agents;
    assert.deepEqual(
      sent.map((message) => [message.from, message.to, message.broadcastId, message.correlationId]),
      [first, last].map((to) => [qa, to, id, id]),
    );
    assert.deepEqual(send({ id, from: 'qa', to: everyAgent, type: 'request' }), sent);
  });

  it('an answer goes back to who asked, in the team or outside of it', (t) => {
    const { agents, send } = post(t);
    for (const [from, back] of [
      [outside, null],
      [agents[0] ?? '', agents[0]],
    ] as const) {
      const [request = assert.fail()] = send({ from, type: 'request' });
      const [answer] = send({ from: 'qa', to: null, type: 'response', replyTo: request.id });
      assert.deepEqual([answer?.to, answer?.correlationId], [back, request.id]);
    }
    assert.throws(() => send({ to: null }), { message: /'to' is missing/ });
    assert.throws(() => send({ to: 'nobody' }), {
      code: 'AGENT_NOT_FOUND',
      message: /it has backend_engineer_1, qa, backend_engineer_2/,
    });
  });

  it('is refused once the session has ended; what was delivered can still be acknowledged', async (t) => {
    const { real, mailbox, sessionId, send, lease, end, journal } = post(t);
    await real.files.prepareSession(real.project.store.load(sessionId));
    const [{ id } = assert.fail()] = send();
    await lease();
    end();
    assert.throws(() => send(), {
      code: 'INVALID_TRANSITION',
      message: /was cancelled: it has no agent left/,
    });
    const events = real.project.store.lastSeq(sessionId);
    assert.equal(mailbox.acknowledge(id, 1).state, 'acknowledged');
    assert.equal(real.project.store.lastSeq(sessionId), events, 'its log is closed');
    assert.deepEqual(
      journal().map(({ state }) => state),
      ['queued', 'delivered', 'acknowledged'],
    );
    const all = real.project.store.events(sessionId, 0, 100);
    await real.project.files.appendLog(sessionId, all);
    assert.deepEqual((await verifyAudit(real.project, sessionId)).problems, []);
  });
});

describe('a message', () => {
  it('given back comes again after a growing wait, and is dead after its last attempt, with the reason', async (t) => {
    const clock = stoppedClock();
    const { mailbox, sessionId, real, send, lease } = post(t, clock);
    const [{ id } = assert.fail()] = send({ maxAttempts: 3 });
    for (const [attempt, shortest, longest] of [
      [1, 500, 1_000],
      [2, 1_000, 2_000],
    ] as const) {
      assert.deepEqual(
        (await lease()).map((message) => message.attempt),
        [attempt],
      );
      const { availableAt, state } = mailbox.giveBack(id, attempt, failed);
      const wait = Date.parse(availableAt ?? '') - Date.parse(clock.now());
      assert.ok(state === 'queued' && wait >= shortest && wait <= longest, `attempt ${attempt}: ${wait} ms`);
      clock.forward(wait - 1);
      assert.deepEqual(await lease(), []);
      clock.forward(1);
    }
    assert.equal((await lease())[0]?.attempt, 3);
    const reason = 'delivered 3 of 3 times; last failure: no room';
    assert.equal(mailbox.giveBack(id, 3, failed).deadReason, reason);
    clock.forward(3_600_000);
    assert.deepEqual(await lease(), []);
    assert.deepEqual(
      mailbox.list({ sessionId, state: 'dead', limit: 9 }).map((message) => [message.id, message.deadReason]),
      [[id, reason]],
    );
    const told = real.project.store
      .events(sessionId, 0, 100)
      .filter(({ type }) => type.startsWith('message.'));
    assert.deepEqual(
      told.map(({ type }) => type.slice('message.'.length)),
      ['queued', 'delivered', 'queued', 'delivered', 'queued', 'delivered', 'dead'],
    );
  });

  it('that nobody acknowledges is dead by time alone, whether or not anybody leases', async (t) => {
    const clock = stoppedClock();
    const { mailbox, sessionId, send, lease } = post(t, clock);
    const [{ id } = assert.fail()] = send({ maxAttempts: 1 });
    await lease({ leaseMs: 1_000 });
    clock.forward(1_000);
    assert.equal(mailbox.find(id)?.state, 'dead');
    assert.match(mailbox.find(id)?.deadReason ?? '', /delivered 1 of 1 times.*not acknowledged by 2026/);
    assert.equal(mailbox.list({ sessionId, state: 'dead', limit: 1 }).length, 1);
  });

  it('whose receiver is killed with SIGKILL is delivered again when its lease has run out', async (t) => {
    const { real, sessionId, to, send, lease, mailbox } = post(t);
    const [{ id } = assert.fail()] = send();
    const taker = runStoreProcess(t, 'takeAndHang', [real.database, sessionId, to.agentId ?? '', '1500']);
    const [taken, leaseUntil = ''] = ((await taker.next()) ?? '').split(' ');
    assert.equal(taken, id);
    taker.process.kill('SIGKILL');
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    const [again = assert.fail()] = await lease({ waitMs: 60_000 });
    assert.deepEqual([again.id, again.attempt], [id, 2]);
    assert.ok((again.deliveredAt ?? '') >= leaseUntil, `${again.deliveredAt} before ${leaseUntil}`);
    assert.equal(again.lastTrouble, `not acknowledged by ${leaseUntil}`);
    assert.throws(() => mailbox.acknowledge(id, 1), { code: 'INVALID_TRANSITION' });
    assert.equal(mailbox.acknowledge(id, 2).state, 'acknowledged');
  });
});

describe('a lease that waits', () => {
  it('ends with a message of this process, of another one, and when it is called off', async (t) => {
    const { real, mailbox, to, send, lease } = post(t);
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    const options = { max: 1, leaseMs: 60_000, waitMs: 600_000 };
    const own = lease(options);
    const [first] = send();
    assert.equal((await own)[0]?.id, first?.id);

    const other = realProject(t, { home: real.home, root: real.root });
    const theirs = new Mailbox(other.project).lease(to, options, never);
    const [second] = send();
    assert.equal((await theirs)[0]?.id, second?.id);

    const stop = new AbortController();
    const stopped = mailbox.lease(to, options, stop.signal);
    stop.abort();
    assert.deepEqual(await stopped, []);
    assert.deepEqual(await mailbox.lease(to, options, stop.signal), []);
  });

  it('ends without one when its time is over', async (t) => {
    const { lease } = post(t);
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    assert.deepEqual(await lease({ waitMs: 50 }), []);
  });

  it('gives one message to one of those who wait', async (t) => {
    const { send, lease, mailbox, to } = post(t);
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    const stop = new AbortController();
    const options = { max: 5, leaseMs: 60_000, waitMs: 600_000 };
    const waiting = [1, 2, 3].map(() => mailbox.lease(to, options, stop.signal));
    send();
    await Promise.race(waiting);
    stop.abort();
    const counts = (await Promise.all(waiting)).map(({ length }) => length);
    assert.deepEqual(counts.sort(), [0, 0, 1]);
    assert.deepEqual(await lease(), []);
  });
});

describe('messages.jsonl', () => {
  it('holds each message for the agent once for each state, whatever a crash left of a line', async (t) => {
    const { real, mailbox, sessionId, to, send, lease, journal } = post(t);
    await real.files.prepareSession(real.project.store.load(sessionId));
    const [{ id } = assert.fail()] = send({ body: 'One\nline.' });
    const path = join(
      real.files.describe(sessionId, `agents/${to.agentId ?? assert.fail()}`),
      'messages.jsonl',
    );
    appendFileSync(path, '{"id":"torn');
    await lease();
    const acknowledged = mailbox.acknowledge(id, 1);
    assert.deepEqual(
      journal().map((line) => [line.id, line.state, line.body]),
      ['queued', 'delivered', 'acknowledged'].map((state) => [id, state, 'One\nline.']),
    );
    assert.deepEqual(journal().at(-1), acknowledged);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(real.logged, []);
  });

  it('catches up on what was sent before the session had a folder', async (t) => {
    const { real, sessionId, send, journal } = post(t);
    const [first] = send();
    await real.files.prepareSession(real.project.store.load(sessionId));
    const [second] = send();
    assert.deepEqual(
      journal().map(({ id }) => id),
      [first?.id, second?.id],
    );
  });
});

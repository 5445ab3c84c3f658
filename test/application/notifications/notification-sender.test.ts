import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { controlUntilReached } from '../../../src/application/control/follow-control.ts';
import { verifyAudit } from '../../../src/application/maintenance/audit.ts';
import { makeInputRequestId } from '../../../src/domain/ids.ts';
import { openRequest } from '../../../src/domain/input-request.ts';
import {
  openRealProject,
  outcome,
  type RealProject,
  realProject,
  run,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';
import { type Answer, answerWith, signatureFor, WebhookReceiver } from '../../helpers/webhook-receiver.ts';

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;

/** Removed after every MAOS in them has been closed. */
const made: string[] = [];
after(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

function folders(notifications: object) {
  const folder = mkdtempSync(join(tmpdir(), 'maos-notify-'));
  made.push(folder);
  const home = join(folder, 'home');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'config.json'), JSON.stringify({ notifications }));
  const root = join(folder, 'project');
  mkdirSync(root);
  return { home, root };
}

async function notified(t: TestContext, answer?: Answer, more: object = {}) {
  const receiver = await WebhookReceiver.start(t, answer);
  const clock = new SteeredClock();
  const places = folders({ webhook: { url: receiver.url, secret }, ...more });
  const real = realProject(t, { ...places, clock });
  return { real, receiver, clock, places };
}

const waiting = ({ project: { store, instance } }: RealProject): string | null =>
  store.notifications.nextDue(instance, []);

describe('notifications that leave MAOS', () => {
  it('tell of the end, the failure and the pause of a session, signed, and leave nothing behind', async (t) => {
    const { real, receiver } = await notified(t);
    const done = await run(real, [shell('a', 'true')], { objective: 'Tell me.' });
    await run(real, [shell('a', 'exit 3')]);
    const paused = await start(real, [shell('a', 'sleep 60')]);
    const request = { action: 'pause', agentId: null, by: 'test', reason: 'Lunch.' } as const;
    const session = { project: real.project, supervisor: real.supervisor, id: paused };
    await controlUntilReached(session, request, AbortSignal.timeout(30_000));
    const received = await receiver.has(3);
    assert.deepEqual(
      received.map(({ body }) => [body.version, body.kind, body.type]),
      [
        [1, 'end', 'session.completed'],
        [1, 'failed', 'session.failed'],
        [1, 'pause', 'session.paused'],
      ],
    );
    const [first] = received;
    assert.ok(first !== undefined);
    const ended = done.of('session.completed')[0];
    assert.deepEqual(first.body, {
      version: 1,
      id: `ntf_${done.id.slice(5)}_${ended?.seq}`,
      kind: 'end',
      type: 'session.completed',
      timestamp: ended?.at,
      agent: null,
      text: 'session completed: 1 agent: Tell me.',
      session: { id: done.id, objective: 'Tell me.', project: real.root },
      data: { agents: 1 },
    });
    assert.equal(first.headers['webhook-signature'], signatureFor(first, secret));
    await until(() => waiting(real) === null, 'the outbox is empty');
  });

  it('are tried again with the same id while the receiver is out of order, and no session waits for that', async (t) => {
    const { real, receiver, clock } = await notified(t, answerWith(500, 503));
    const done = await run(real, [shell('a', 'true')]);
    assert.equal(done.state, 'completed');
    await receiver.has(1);
    await clock.passUntil(() => receiver.received.length === 3 && waiting(real) === null);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(new Set(receiver.received.map(({ text }) => text)).size, 1);
    assert.deepEqual(outcome(real, done.id).of('notification.failed'), []);
  });

  it('are given up in the end, which an event says, and the log of the session that has ended has it too', async (t) => {
    const { real, receiver, clock } = await notified(t, answerWith(...Array<number>(50).fill(500)));
    const done = await run(real, [shell('a', 'true')]);
    const failed = () => outcome(real, done.id).of('notification.failed');
    await clock.passUntil(() => failed().length > 0 && real.project.store.ownerOf(done.id) === null, 10_000);
    assert.equal(receiver.received.length, 6);
    const [event, ...more] = failed();
    assert.deepEqual(more, []);
    assert.deepEqual(
      { ...event?.data, reason: '' },
      { id: receiver.received[0]?.body.id, kind: 'end', way: 'webhook', tries: 6, reason: '' },
    );
    assert.match(event?.data.reason ?? '', /^127\.0\.0\.1:\d+ answered 500$/);
    assert.equal((await verifyAudit(real.project, done.id)).sound, true);
    assert.equal(outcome(real, done.id).state, 'completed');
    const [kept] = real.project.store.notifications.failures('2000', 5);
    assert.deepEqual([kept?.sessionId, kept?.tries], [done.id, 6]);
    assert.doesNotMatch(real.logged.join('\n'), /s3cret|whsec/);
  });

  it('are each sent by one instance, however many watch', async (t) => {
    const { real, receiver, places } = await notified(t);
    const other = openRealProject(places);
    t.after(() => other.close());
    real.watch.start();
    other.watch.start();
    for (let round = 0; round < 5; round++) await run(real, [shell('a', 'true')]);
    await receiver.has(5);
    await until(() => waiting(real) === null && waiting(other) === null);
    assert.equal(receiver.received.length, 5);
  });

  it('of an instance that is gone are sent by the next one', async (t) => {
    let answers: Answer = () => {};
    const receiver = await WebhookReceiver.start(t, (response, index) => answers(response, index));
    const places = folders({ webhook: { url: receiver.url } });
    const gone = openRealProject(places);
    const done = await run(gone, [shell('a', 'true')]);
    // It is being sent when its process ends.
    await receiver.has(1);
    await gone.close();
    let answerNow = (): void => {};
    answers = (response) => {
      answerNow = () => void response.writeHead(200).end();
    };
    const [next, third] = [openRealProject(places), openRealProject(places)];
    for (const { project, close } of [next, third]) {
      t.after(() => close());
      const { isAlive } = project.instances;
      project.instances.isAlive = async (id) => id !== gone.project.instance && isAlive(id);
    }
    const { notifications } = next.project;
    assert.equal(await notifications.isAbandoned(), true);
    const sent = notifications.idle();
    await receiver.has(2);
    assert.equal(await third.project.notifications.isAbandoned(), false);
    answerNow();
    await sent;
    const [first, second] = receiver.received;
    assert.equal(receiver.received.length, 2);
    assert.equal(first?.text, second?.text);
    assert.equal(first?.body.session?.id, done.id);
  });

  it('follow the rules: only the kinds and ways that are set, and nothing of teams inside teams', async (t) => {
    const seen = 'fs.appendFileSync("seen", JSON.parse(fs.readFileSync(0, "utf8")).type + "\\n")';
    const command = [process.execPath, '-e', `const fs = require("fs"); ${seen}`];
    const { real, receiver, places } = await notified(t, answerWith(), {
      command,
      end: ['bell', 'command'],
      failed: ['webhook'],
    });
    await run(real, [shell('a', 'true')]);
    await run(real, [shell('a', 'exit 3')]);
    await until(() => waiting(real) === null);
    assert.deepEqual(
      receiver.received.map(({ body }) => body.type),
      ['session.failed'],
    );
    assert.equal(readFileSync(join(places.home, 'seen'), 'utf8'), 'session.completed\n');
    const parent = {
      sessionId: outcome(real, real.project.store.list({ limit: 1 })[0]?.session.id as never).id,
    };
    const nested = openRealProject({
      ...places,
      depth: 1,
      parent: { ...parent, agentId: 'agent-x' as never },
    });
    t.after(() => nested.close());
    await run(nested, [shell('a', 'exit 3')]);
    await until(() => waiting(nested) === null);
    assert.equal(receiver.received.length, 1);
  });

  it('tell that an agent asks, whichever process it asks through', async (t) => {
    const { real, receiver, places } = await notified(t);
    const id = await start(real, [shell('writer', 'sleep 60')]);
    await until(() => outcome(real, id).agent('writer').state === 'running');
    const agent = outcome(real, id).agent('writer');
    const other = openRealProject(places);
    t.after(() => other.close());
    const { store, clock } = other.project;
    const action = 'rm -rf build; \u001b]0;owned\u0007\nWhich?';
    const draft = {
      sessionId: id,
      agentId: agent.id,
      attempt: agent.attempt,
      key: 'k1',
      kind: 'permission',
    } as const;
    const asked = { tool: 'Bash', action, reason: null, choices: [], expiresAt: '2999-01-01T00:00:00.000Z' };
    const at = clock.now();
    store.inputRequests.open(
      openRequest({ ...draft, ...asked, id: makeInputRequestId(other.project.ids.ulid()) }, at),
      at,
    );
    const [only] = await receiver.has(1);
    assert.equal(only?.body.kind, 'request');
    assert.deepEqual(only?.body.agent, { id: agent.id, name: 'writer' });
    assert.match(
      only?.body.text ?? '',
      /^writer asks \(req_\w+\): permission for Bash: rm -rf build; \\u001b\]0;owned\\u0007\\nWhich\?/,
    );
    assert.equal(only?.body.data.action, action);
  });

  it('tell of a command that failed, once', async (t) => {
    const { real } = await notified(t, answerWith(), {
      command: [process.execPath, '-e', 'console.error("no screen"); process.exit(1)'],
      end: ['command'],
    });
    const done = await run(real, [shell('a', 'true')]);
    await until(() => outcome(real, done.id).of('notification.failed').length === 1);
    const [event] = outcome(real, done.id).of('notification.failed');
    assert.equal(event?.data.tries, 1);
    assert.match(event?.data.reason ?? '', / exited with status 1: no screen$/);
  });
});

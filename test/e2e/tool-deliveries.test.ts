import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestPause, requestResume, requestRetry } from '../../src/application/control/control.ts';
import { Mailbox } from '../../src/application/messaging/mailbox.ts';
import { outlookOf } from '../../src/application/messaging/outlook.ts';
import type { Message } from '../../src/domain/message.ts';
import {
  claudeProject,
  player,
  promptOnlyBackend,
  type Step,
  success,
  turn,
} from '../helpers/fake-claude.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { otherMaos } from '../helpers/other-maos.ts';
import {
  lacksProcesses,
  outcome,
  type RealProject,
  realProject,
  settled,
  start,
} from '../helpers/real-project.ts';
import { until } from '../helpers/waiting.ts';
import { bundle } from '../presentation/cli/maos-process.ts';

const withoutInput = (root: string) => [promptOnlyBackend(join(root, 'bin'))];

function world(real: RealProject) {
  const file = (name: string) => join(real.root, name);
  const mailbox = new Mailbox(real.project);
  return {
    mailbox,
    call: (more: { dies?: true; got?: string; until?: string } = {}): Step => ({
      call: { tool: 'team', bundle, home: real.home, ...more },
    }),
    make: (name: string) => writeFileSync(file(name), ''),
    made: (name: string) => until(() => existsSync(file(name)), name),
    send(sessionId: Message['sessionId']): Message {
      const { messages } = mailbox.send({
        ...{ id: null, sessionId, from: null, to: 'worker', type: 'notification', subject: '' },
        ...{ body: 'Use port 81.', contentType: 'text/plain', schemaVersion: null },
        ...{ correlationId: null, replyTo: null, maxAttempts: null },
      });
      return messages[0] ?? assert.fail('not sent');
    },
    now: ({ id }: Message) => mailbox.find(id) ?? assert.fail('gone'),
    /** What its sender is told. */
    outlook({ id, sessionId }: Message): string {
      const { store, backends } = real.project;
      return outlookOf(mailbox.find(id) ?? assert.fail('gone'), store.load(sessionId), backends);
    },
    /** How often the message is in the conversation of the agent. */
    timesSeen({ id }: Message): number {
      const seen = readFileSync(file('worker.seen'), 'utf8');
      return seen.split(`Message ${id} from `).length - 1;
    },
  };
}

const begin: readonly Step[] = [turn(5), { make: 'working' }, { wait: 'sent' }];

describe('a message with the result of a tool', () => {
  it('is queued until the CLI shows the result, and its sender sees that', async (t) => {
    if (lacksProcesses(t, 'starts the server of the team')) return;
    const real = realProject(t, { backends: withoutInput });
    const { call, make, made, send, now, timesSeen } = world(real);
    const play = [...begin, call({ got: 'got', until: 'show' }), success('Done.')];
    const id = await start(real, [player(real.root, 'worker', [play])]);
    await made('working');
    const message = send(id);
    make('sent');
    // The server has answered and is dead.
    await made('got');
    const { state, via, agentAttempt } = now(message);
    assert.deepEqual([state, via, agentAttempt], ['queued', 'tool', 1]);
    const person = { env: { PATH: process.env.PATH, MAOS_HOME: real.home }, cwd: real.root };
    const listed = await maosInProcess(['message', 'list', id, '--json'], person);
    assert.match(listed.stdout, /"state": "queued",/);
    make('show');
    await settled(real, id);
    assert.deepEqual([now(message).state, now(message).via, timesSeen(message)], ['delivered', 'tool', 1]);
  });

  for (const [what, ends] of [
    [
      'the server is killed before it answers',
      (call: ReturnType<typeof world>['call']) => [call({ dies: true })],
    ],
    [
      'the CLI is killed before it shows the answer',
      (call: ReturnType<typeof world>['call']) => [call({ got: 'got', until: 'never' })],
    ],
  ] as const) {
    it(`comes once, with the next attempt, when ${what}`, async (t) => {
      if (lacksProcesses(t, 'starts the server of the team')) return;
      const real = realProject(t, { backends: withoutInput });
      const { call, make, made, send, now, outlook, timesSeen } = world(real);
      const first = [...begin, ...ends(call), { make: 'got' }, { wait: 'never' }];
      const id = await start(real, [player(real.root, 'worker', [first, [turn(5), success('Done.')]])]);
      await made('working');
      const message = send(id);
      make('sent');
      await made('got');
      assert.deepEqual([now(message).state, now(message).via], ['queued', 'tool']);
      assert.equal(outlook(message), 'on its way');
      await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
      await settled(real, id);
      assert.equal(now(message).state, 'queued');
      assert.equal(outlook(message), 'comes with the prompt of its next start');
      await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
      const done = await settled(real, id);
      assert.deepEqual([done.agent('worker').attempt, now(message).state], [2, 'delivered']);
      assert.deepEqual([now(message).via, timesSeen(message)], ['prompt', 1]);
    });
  }

  it('that dies with the agent is dead, and a retry does not bring it back', async (t) => {
    if (lacksProcesses(t, 'starts the server of the team')) return;
    const real = realProject(t, { backends: withoutInput });
    const { call, make, made, send, now, timesSeen } = world(real);
    const first = [...begin, call({ dies: true }), { exit: 1 } as const];
    const id = await start(real, [player(real.root, 'worker', [first, [turn(5), success('Done.')]])]);
    await made('working');
    const message = send(id);
    make('sent');
    await settled(real, id);
    assert.equal(now(message).state, 'dead');
    await requestRetry(real.project, real.supervisor, id, null, 'test', 'Again.');
    await settled(real, id);
    assert.deepEqual([now(message).state, timesSeen(message)], ['dead', 0]);
  });

  it('comes over the live input at the end of the turn when the server is killed before it answers', async (t) => {
    const real = claudeProject(t);
    const { mailbox, make, made, send, now } = world(real);
    const id = await start(real, [player(real.root, 'worker', [[...begin, success('First.')]])]);
    await made('working');
    const message = send(id);
    const agentId = message.to ?? assert.fail();
    // As a server that is killed right after it.
    assert.equal(mailbox.claim({ sessionId: id, agentId }, 1, 'tool', 1).length, 1);
    make('sent');
    const done = await settled(real, id);
    assert.match(done.agent('worker').result ?? '', /^Heard: Message /);
    assert.deepEqual([now(message).state, now(message).via], ['delivered', 'live']);
  });

  it('comes at the end of the turn also under the next owner', async (t) => {
    const real = claudeProject(t);
    const other = await otherMaos(t, real, { hasClaude: true });
    const { mailbox, make, made, send, now } = world(real);
    const agents = [player(real.root, 'worker', [[...begin, success('First.')]])];
    const id = await other.start({ objective: 'See it work.', agents });
    await made('working');
    await other.suspend();
    const message = send(id);
    const agentId = message.to ?? assert.fail();
    // As a server that is killed right after it.
    assert.equal(mailbox.claim({ sessionId: id, agentId }, 1, 'tool', 1).length, 1);
    await other.kill();
    real.watch.start();
    await until(() => outcome(real, id).of('session.taken_over')[0]);
    make('sent');
    await settled(real, id);
    assert.deepEqual([now(message).state, now(message).via], ['delivered', 'live']);
  });

  it('is delivered once although the owner of the session was killed before the CLI showed it', async (t) => {
    if (lacksProcesses(t, 'starts the server of the team')) return;
    const real = claudeProject(t);
    const other = await otherMaos(t, real, { hasClaude: true });
    const { call, make, made, send, now, timesSeen } = world(real);
    const play = [...begin, call(), { make: 'shown' }, { wait: 'adopted' }, success('Done.')];
    const agents = [player(real.root, 'worker', [play])];
    const id = await other.start({ objective: 'See it work.', agents });
    await made('working');
    await other.kill();
    const message = send(id);
    make('sent');
    await made('shown');
    assert.deepEqual([now(message).state, now(message).via], ['queued', 'tool']);
    real.watch.start();
    await until(() => outcome(real, id).of('session.taken_over')[0]);
    await until(() => now(message).state === 'delivered');
    make('adopted');
    await settled(real, id);
    assert.deepEqual([now(message).via, timesSeen(message)], ['tool', 1]);
  });
});

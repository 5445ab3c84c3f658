import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestPause, requestResume, requestRetry } from '../../../src/application/control/control.ts';
import { Mailbox } from '../../../src/application/messaging/mailbox.ts';
import type { Backend } from '../../../src/application/ports/backend.ts';
import { type MessageId, makeMessageId, type SessionId } from '../../../src/domain/ids.ts';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { claudeProject, player, type Step, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import { outcome, type RealProject, realProject, settled, shell, start } from '../../helpers/real-project.ts';
import { until } from '../../helpers/waiting.ts';

/** The messages that arrived in the agent's conversations, in order. */
function heard(root: string, name = 'worker'): readonly { text: string; conversation: string }[] {
  const file = join(root, `${name}.heard`);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function send(real: RealProject, sessionId: SessionId, body: string): MessageId {
  const { messages } = new Mailbox(real.project).send({
    ...{ id: null, sessionId, from: null, to: 'worker', type: 'notification', subject: '', body },
    ...{
      contentType: 'text/plain',
      schemaVersion: null,
      correlationId: null,
      replyTo: null,
      maxAttempts: null,
    },
  });
  return messages[0]?.id ?? assert.fail('not sent');
}

const stateOf = (real: RealProject, id: MessageId) => new Mailbox(real.project).find(id)?.state;
const working: Step = { make: 'working' };
const begun = (real: RealProject) => until(() => existsSync(join(real.root, 'working')));

describe('a message to an agent that works', () => {
  it('comes into its conversation, once, in the middle of its turn', async (t) => {
    const real = claudeProject(t);
    const play = [turn(5), working, { hear: 'port 81' }, success('On port 81.')];
    const id = await start(real, [player(real.root, 'worker', [play])]);
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    const done = await settled(real, id);
    assert.deepEqual([done.agent('worker').result, stateOf(real, message)], ['On port 81.', 'delivered']);
    const [only, ...more] = heard(real.root);
    assert.match(only?.text ?? '', new RegExp(`^Message ${message} from the user.*> Use port 81\\.\n`, 's'));
    assert.deepEqual(more, []);
  });

  it('begins another turn when it has given its result, and the last result counts', async (t) => {
    const real = claudeProject(t);
    const play = [turn(5), working, { wait: 'sent' }, success('First.')];
    const id = await start(real, [player(real.root, 'worker', [play])]);
    await begun(real);
    const message = send(real, id, 'One more thing.');
    await until(() => new Mailbox(real.project).find(message)?.via === 'live');
    writeFileSync(join(real.root, 'sent'), '');
    const done = await settled(real, id);
    assert.equal(stateOf(real, message), 'delivered');
    assert.equal(done.state, 'completed');
    assert.equal(heard(real.root).length, 1);
  });

  it('waits for an agent that has not begun, and keeps the order of its sender', async (t) => {
    const real = claudeProject(t);
    const first = player(real.root, 'first', [[working, { wait: 'sent' }, success('Done.')]]);
    const play = [turn(5), { hear: 'three' }, success('Done.')];
    const id = await start(real, [first, player(real.root, 'worker', [play], { depends_on: ['first'] })]);
    await begun(real);
    const messages = ['one', 'two', 'three'].map((text) => send(real, id, text));
    writeFileSync(join(real.root, 'sent'), '');
    await settled(real, id);
    const order = heard(real.root).map(({ text }) => /^> (.*)$/m.exec(text)?.[1]);
    assert.deepEqual(order, ['one', 'two', 'three']);
    assert.deepEqual(new Set(messages.map((message) => stateOf(real, message))), new Set(['delivered']));
  });

  it('that is interrupted before it hears of it waits for its next attempt', async (t) => {
    const real = claudeProject(t);
    const deaf = [turn(5), working, { ms: 60_000 }];
    const play = [turn(5), { hear: 'port 81' }, success('On port 81.')];
    const id = await start(real, [player(real.root, 'worker', [deaf, play])]);
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    await until(() => new Mailbox(real.project).find(message)?.via === 'live');
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await settled(real, id);
    assert.equal(stateOf(real, message), 'queued');
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    const done = await settled(real, id);
    assert.deepEqual([done.agent('worker').attempt, stateOf(real, message)], [2, 'delivered']);
    assert.equal(heard(real.root).length, 1);
    assert.equal(startsOf(real.root, 'worker').length, 2);
  });

  it('comes once though its MAOS is killed with it on the way', async (t) => {
    const real = claudeProject(t);
    const other = await otherMaos(t, real, { hasClaude: true });
    const play = [turn(5), working, { wait: 'sent' }, { hear: 'port 81' }, success('On port 81.')];
    const id = await other.start({
      objective: 'See it work.',
      agents: [player(real.root, 'worker', [play])],
    });
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    await until(() => new Mailbox(real.project).find(message)?.via === 'live');
    await other.kill();
    real.watch.start();
    await until(() => outcome(real, id).of('session.taken_over')[0]);
    writeFileSync(join(real.root, 'sent'), '');
    const done = await settled(real, id);
    assert.deepEqual([done.agent('worker').result, stateOf(real, message)], ['On port 81.', 'delivered']);
    assert.equal(heard(real.root).length, 1);
  });

  it('that never comes is dead, and says how the agent ended', async (t) => {
    const real = claudeProject(t);
    const play = [turn(5), working, { wait: 'sent' }, { exit: 1 }];
    const id = await start(real, [player(real.root, 'worker', [play])]);
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    await until(() => new Mailbox(real.project).find(message)?.via === 'live');
    writeFileSync(join(real.root, 'sent'), '');
    await settled(real, id);
    assert.equal(outcome(real, id).agent('worker').state, 'failed');
    const found = new Mailbox(real.project).find(message);
    assert.match(found?.state ?? '', /^(dead|delivered)$/);
  });
});

/** A Claude Code that reads only its prompt, and records each prompt. */
function deaf(root: string): readonly Backend[] {
  const path = join(root, 'deaf');
  const failure = '{"type":"result","subtype":"success","is_error":true,"result":"No."}';
  const done = '{"type":"result","subtype":"success","is_error":false,"result":"Done.","num_turns":1}';
  const script = `[ -e again ] && answer='${done}' || answer='${failure}'; cat >prompt$MAOS_AGENT_ATTEMPT; echo "$answer"`;
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const config = { path, model: null, permissionMode: 'acceptEdits' as const, maxBudgetUsd: null };
  const claude = makeClaudeBackend({
    config: { ...config, allowedTools: [], extraArgs: [] },
    env: process.env,
  });
  const prepare: Backend['prepare'] = async (context) => ({
    ...(await claude.prepare(context)),
    stdin: 'prompt',
  });
  return [{ ...claude, live: null, prepare }];
}

describe('a message to an agent whose CLI reads nothing but its prompt', () => {
  it('is in the prompt of its next start, and in those of later conversations', async (t) => {
    const real = realProject(t, { backends: deaf });
    const first = shell('first', 'touch working; until [ -e sent ]; do sleep 0.05; done');
    const worker = {
      ...{ name: 'worker', role: 'tester', task: 'Work.', backend: 'claude' },
      depends_on: ['first'],
    };
    const id = await start(real, [first, worker]);
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    writeFileSync(join(real.root, 'sent'), '');
    const failed = await settled(real, id);
    assert.deepEqual([failed.agent('worker').state, stateOf(real, message)], ['failed', 'delivered']);
    const prompt = (attempt: number) => readFileSync(join(real.root, `prompt${attempt}`), 'utf8');
    assert.match(prompt(1), new RegExp(`\\n# Messages for you\\n\\nMessage ${message} from the user`));
    writeFileSync(join(real.root, 'again'), '');
    await requestRetry(real.project, real.supervisor, id, null, 'test', 'Again.');
    const done = await settled(real, id);
    assert.equal(done.agent('worker').state, 'completed');
    const parts = prompt(2).split('# Messages that you received in an earlier conversation');
    assert.equal(parts.length, 2);
    assert.match(parts[1] ?? '', /^> Use port 81\.$/m);
    assert.doesNotMatch(prompt(2), /# Messages for you/);
  });

  it('counts as delivered although many more wait', async (t) => {
    const real = realProject(t, { backends: deaf });
    const first = shell('first', 'touch working; until [ -e sent ]; do sleep 0.05; done');
    const worker = {
      ...{ name: 'worker', role: 'tester', task: 'Work.', backend: 'claude' },
      depends_on: ['first'],
    };
    const id = await start(real, [first, worker]);
    await begun(real);
    const message = send(real, id, 'Use port 81.');
    const { store, ids, clock } = real.project;
    const stored = store.messages.find(message) ?? assert.fail();
    const others = Array.from({ length: 1_000 }, () => ({ ...stored, id: makeMessageId(ids.ulid()) }));
    const limits = { maxWaiting: 10_000, perMinute: null, maxExchange: 40 };
    store.messages.add(makeMessageId(ids.ulid()), others, limits, clock.now());
    writeFileSync(join(real.root, 'sent'), '');
    await settled(real, id);
    assert.match(
      readFileSync(join(real.root, 'prompt1'), 'utf8'),
      new RegExp(`^Message ${message} from`, 'm'),
    );
    assert.equal(stateOf(real, message), 'delivered');
  });
});

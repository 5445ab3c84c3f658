import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

interface View {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly body: string;
  readonly state: string;
  readonly delivery?: string;
  readonly reason?: string;
}

const maosLine = `'${process.execPath}' '${bundle}'`;

describe('maos message', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('refuses an empty text, also from stdin', async () => {
    const { session_id: session } = await maos.json<{ session_id: string }>(
      ...['run', 'Wait.', '-x', `ann=${maosLine} message read --wait 120 --ack`, '--detach'],
    );
    for (const [text, input] of [
      ['', ''],
      ['-', ' \n'],
    ] as const) {
      const { status, stdout, stderr } = await maos.start(['message', 'send', session, 'ann', text], {
        input,
      }).finished;
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(
        stderr,
        /^maos: The message is empty\. Give its text after the recipient, or - to read it from stdin\./,
      );
    }
    const sent = await maos.run('message', 'send', session, 'ann', '', '--subject', 'Go on');
    assert.equal(sent.status, 0, 'a subject says enough');
    assert.equal((await maos.start(['wait', session, '--timeout', '60']).finished).status, 0);
  });

  it('says how to reply to a message that expects it, and the reply comes', async () => {
    const line = [
      `id=$(${maosLine} message send user 'Which port?' --type request --json | sed -n 's/.*"id": "\\(msg_[^"]*\\)".*/\\1/p')`,
      `${maosLine} message wait "$id" --timeout 120`,
    ].join(' && ');
    const { session_id: session } = await maos.json<{ session_id: string }>(
      ...['run', 'Ask.', '-x', `ann=${line}`, '--detach'],
    );
    let read = await maos.run('message', 'read', session, '--wait', '60');
    const [, to, id] =
      /Reply with: .* message send (sess_\w+ ann) TEXT --reply-to (msg_\w+)\n/.exec(read.stderr) ?? [];
    assert.ok(to !== undefined && id !== undefined, read.stderr);
    read = await maos.run('message', 'send', ...to.split(' '), '8081.', '--reply-to', id);
    assert.match(read.stdout, /to ann queued/, read.stderr);
    assert.equal((await maos.start(['wait', session, '--timeout', '60']).finished).status, 0);
    assert.match((await maos.run('logs', session)).stdout, /\| 8081\./);
  });

  it('lets two programs of a team settle something, and people read along', async () => {
    // Each acts under its own name, because its environment identifies it.
    const ann = [
      `id=$(${maosLine} message send bob 'Which port?' --type request --json | sed -n 's/.*"id": "\\(msg_[^"]*\\)".*/\\1/p')`,
      `${maosLine} message wait "$id" --timeout 120`,
      `printf 'Settled: 8081\\ncontrol \\033[31m' | ${maosLine} message send user -`,
    ].join(' && ');
    const bob = [
      `got=$(${maosLine} message read --wait 120 --json)`,
      `id=$(printf '%s' "$got" | sed -n 's/.*"id": "\\(msg_[^"]*\\)".*/\\1/p')`,
      `${maosLine} message send ann '8081.' --reply-to "$id"`,
    ].join(' && ');
    const { stdout, stderr } = await maos.run('run', 'Settle.', '-x', `ann=${ann}`, '-x', `bob=${bob}`);
    assert.match(stdout, /2 of 2 agents completed/, stderr);

    const { messages } = await maos.json<{ messages: View[] }>('message', 'list');
    assert.deepEqual(messages.map(({ from, to, type, state }) => [from, to, type, state]).reverse(), [
      ['ann', 'bob', 'request', 'acknowledged'],
      ['bob', 'ann', 'response', 'acknowledged'],
      ['ann', 'user', 'notification', 'queued'],
    ]);
    assert.equal(messages[0]?.body, 'Settled: 8081\ncontrol \u001b[31m');
    const table = await maos.run('message', 'list');
    const states = [...table.stdout.matchAll(/ (acknowledged|queued) /g)].map(([, state]) => state);
    assert.deepEqual(states, ['acknowledged', 'acknowledged', 'queued'], 'people read the newest last');
    assert.match(table.stderr, /1 message waits for you\. Read it with: .* message read sess_\w{26} --ack/);
    const report = await maos.run('status');
    assert.match(report.stdout, /2 acknowledged, 1 queued \(1 for you\) {2}/);
    assert.match(report.stdout, / message read sess_\w{26} --ack +the message that waits for you\n/);
    const told = await maos.run('events', '--type', 'message.queued');
    assert.match(told.stdout, / ann to bob: request msg_\w+ .*queued\n/);
    assert.match(told.stdout, / ann to user: notification msg_\w+ queued\n/);
    const read = await maos.run('message', 'read', 'latest', '--ack');
    assert.match(read.stdout, /from ann to user.*\n\| Settled: 8081\n\| control/);
    assert.ok(!read.stdout.includes('\u001b'), 'a control character is shown, not obeyed');
    assert.doesNotMatch(read.stderr, /Reply with/);
    const again = await maos.run('message', 'read');
    assert.match(again.stderr, /No messages are waiting/);
    const found = await maos.json<{ messages: View[] }>('message', 'search', 'SETTLED', '8081');
    assert.deepEqual(
      found.messages.map(({ id }) => id),
      [messages[0]?.id],
    );
    await maos.run('export', '--output', 'session.tar.gz');
    const archive = join(maos.project, 'session.tar.gz');
    const exported = execFileSync('tar', ['-xzOf', archive, '--wildcards', '*/messages.json']);
    assert.deepEqual(
      JSON.parse(String(exported)).map(({ id, body }: View) => [id, body]),
      messages.map(({ id, body }) => [id, body]),
    );
    assert.match((await maos.run('message', 'search', '100%')).stderr, /No message/);
    for (const session of [['latest'], []]) {
      const late = await maos.run('message', 'send', ...session, 'bob', 'Late.');
      assert.deepEqual([late.status, late.stdout], [4, '']);
      assert.match(late.stderr, /has completed/);
    }
    const textless = await maos.run('message', 'send', 'latest', 'bob');
    assert.equal(textless.status, 3, 'nothing is sent to an agent of the name latest');
  });

  it('sends nothing for an agent that cannot prove who it is, nor to a session that is not its own', async () => {
    await maos.run('run', 'Another.', '-x', 'only=true');
    const { session_id: other } = await maos.json<{ session_id: string }>('status');
    const forged = `MAOS_AGENT_TOKEN=forged ${maosLine} message send user 'I am ann.'`;
    const stranger = `${maosLine} message send ${other} user 'Hello there.'`;
    const run = await maos.run('run', 'Forge.', '-x', `thief=${forged}; ${stranger}; true`);
    const { stdout } = await maos.run('logs', 'latest', '--stream', 'stderr');
    assert.match(stdout, /FORBIDDEN|MAOS_AGENT_TOKEN is not the token/, run.stderr);
    assert.match(stdout, /is not yours/);
    const { messages } = await maos.json<{ messages: View[] }>('message', 'list');
    assert.deepEqual(messages, []);
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { agentRequest, planRequest } from '../../domain/samples.ts';
import { openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

/** Two agents with a CLI, and one that is a program, in a session without an owner. */
function team() {
  const backends = { ann: 'claude', bob: 'claude', prog: 'command' };
  const agents = Object.entries(backends).map(([name, backend]) =>
    agentRequest({ name, backend, ...(backend === 'command' ? { command: ['/bin/true'] } : {}) }),
  );
  return bench.store(planRequest(agents)).session.id;
}

describe('send-message', () => {
  it('says of each message when its recipient gets it', async () => {
    const session_id = team();
    const sent = await bench.ask('send-message', {
      session_id,
      to: 'all',
      body: 'Port 8081.',
      subject: 'Ports',
    });
    const messages = sent.messages as Record<string, string>[];
    assert.deepEqual(
      messages.map(({ to, state, delivery }) => [to, state, delivery]),
      [
        ['ann', 'queued', 'comes with the prompt of its next start'],
        ['bob', 'queued', 'comes with the prompt of its next start'],
        ['prog', 'queued', "comes when its program reads it ('maos message read')"],
      ],
    );
    assert.equal(sent.summary, 'Sent to 3 agents.');
    for (const { message_id } of messages) assert.match(message_id ?? '', /^msg_/);
  });

  it('is refused with what to do: an unknown recipient, too long a text, a wrong reply', async () => {
    const session_id = team();
    const refusal = (args: object) =>
      bench.refusal('send-message', { session_id, to: 'ann', body: 'x', ...args });
    assert.match(await refusal({ to: 'nobody' }), /AGENT_NOT_FOUND.*it has ann, bob, prog.*'lead', 'all'/);
    assert.match(await refusal({ body: 'x'.repeat(65_537) }), /at most 65536.*name the file/);
    assert.match(await refusal({ reply_to: 'msg_01K0ABCDEFGHJKMNPQRSTVWXYZ' }), /has no message msg_/);
    assert.match(await refusal({ reply_to: 'x' }), /INVALID_INPUT/);
  });
});

describe('session-status with include_messages', () => {
  it('tells the last messages with their ends, the newest that fit', async () => {
    const session_id = team();
    assert.equal((await bench.ask('session-status', { session_id })).messages, undefined);
    for (let i = 0; i < 25; i++) {
      await bench.ask('send-message', { session_id, to: 'ann', body: `${i}: ${'long '.repeat(300)}` });
    }
    const { messages } = await bench.ask('session-status', {
      session_id,
      include_messages: true,
      include_events: true,
    });
    const lines = messages as string[];
    assert.ok(lines.length > 0 && lines.length <= 20, `${lines.length} lines`);
    assert.match(lines.at(-1) ?? '', /^msg_\w+ 2\S+Z notification from user to ann, queued: 24: long/);
  });
});

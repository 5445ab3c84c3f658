import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sdks } from './mcp-clients.ts';
import { consent, makeTalk, type Name, proposal, question, reply, results, type Talk } from './talk.ts';
import { readJsonLines } from './workplace.ts';

interface MessageDocument {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly state: string;
  readonly via?: string;
  readonly reply_to?: string;
}

/** In the order in which they were sent. */
async function messagesOf(talk: Talk): Promise<readonly MessageDocument[]> {
  const { stdout } = await talk.maos('message', 'list', 'latest', '--json');
  return (JSON.parse(stdout) as { messages: MessageDocument[] }).messages.toReversed();
}

/** Comes when the reply is in the input of the Claude Code that works. */
async function onItsWay(talk: Talk): Promise<void> {
  const { folder, agents } = await talk.status();
  const id = agents.find(({ name }) => name === 'server')?.agent_id ?? assert.fail('no server');
  const input = join(folder, 'agents', id, 'input.1');
  for (const since = performance.now(); !/^1:msg_/m.test(readFileSync(input, 'latin1')); await delay(50))
    assert.ok(performance.now() - since < 120_000, 'the reply was not sent within two minutes');
}

/** How the question is answered. @returns who has answered, in the words of the events */
type Answerer = (talk: Talk) => Promise<string>;

async function fromTerminal(talk: Talk): Promise<string> {
  const { stdout } = await talk.maos('requests', '--json');
  const { requests } = JSON.parse(stdout) as { requests: { request_id: string; action: string }[] };
  assert.deepEqual(
    requests.map(({ action }) => action),
    [question],
  );
  const answered = await talk.maos('answer', requests[0]?.request_id ?? '', '8080');
  assert.equal(answered.status, 0, answered.stderr);
  return 'a person at a terminal';
}

async function overMcp(talk: Talk): Promise<string> {
  const sdk = sdks[0] ?? assert.fail('no SDK');
  const { callTool, leave } = await sdk.connect(talk, () => {});
  const call = async (name: string, args: Record<string, unknown>) => {
    const { isError, structuredContent, content } = await callTool({ name, arguments: args });
    assert.ok(isError !== true, JSON.stringify(content));
    return structuredContent as { requests?: { request_id: string; action: string }[]; state?: string };
  };
  try {
    const { session_id } = await talk.status();
    const { requests = [] } = await call('wait-session', { session_id, timeout_seconds: 60 });
    assert.deepEqual(
      requests.map(({ action }) => action),
      [question],
    );
    const { state } = await call('respond', { request_id: requests[0]?.request_id, answer: '8080' });
    assert.equal(state, 'answered');
  } finally {
    await leave();
  }
  return 'a client over MCP';
}

const answerers: Readonly<Record<string, Answerer>> = {
  'from another terminal': fromTerminal,
  'by an MCP client': overMcp,
};

for (const [how, answer] of Object.entries(answerers)) {
  test(`a Claude Code and a Codex settle an interface, and the user is asked: answered ${how}`, async (t) => {
    const talk = await makeTalk(t);
    const run = talk.startMaos('run', 'plan.json', '--json');
    const asks = await talk.maos('requests', '--wait', '--timeout', '180');
    assert.equal(asks.status, 0, `${asks.stdout}\n${asks.stderr}\n${(await talk.maos('status')).stdout}`);
    const during = [await talk.maos('status', 'latest'), asks];
    await onItsWay(talk);
    writeFileSync(join(talk.project, 'go'), '');
    for (const since = performance.now(); (await messagesOf(talk)).length < 3; await delay(100))
      assert.ok(performance.now() - since < 120_000, 'the server did not agree within two minutes');
    const by = await answer(talk);
    const ended = await run.ended;
    assert.equal(ended.status, 0, `${ended.stdout}\n${ended.stderr}`);

    await t.test('both have finished, in their first attempt', async () => {
      const { state, agents } = await talk.status();
      assert.equal(state, 'completed');
      assert.deepEqual(
        agents.map(({ name, result, attempt }) => [name, result, attempt]),
        Object.entries(results).map(([name, result]) => [name, result, 1]),
      );
    });

    const messages = await messagesOf(talk);
    await t.test('the messages are in their order, and acknowledged by their replies', () => {
      const [first, second] = messages;
      assert.deepEqual(
        messages.map(({ from, to, body, state, via, reply_to }) => [from, to, body, state, via, reply_to]),
        [
          ['server', 'client', proposal, 'acknowledged', 'tool', undefined],
          ['client', 'server', reply, 'acknowledged', 'live', first?.id],
          ['server', 'client', consent, 'delivered', 'tool', second?.id],
        ],
      );
    });

    await t.test('each is in the requests of its recipient once, from the next one on', () => {
      const counts = ({ id, to }: MessageDocument) =>
        talk.asked[to as Name].map(({ text }) => text.split(`Message ${id} from `).length - 1);
      assert.deepEqual(messages.map(counts), [
        [0, 1, 1, 1],
        [0, 0, 1, 1],
        [0, 0, 0, 1],
      ]);
    });

    await t.test('the answer is in the next request of the model that asked', () => {
      const answers = talk.asked.client.map(({ text }) => text.split(/Answered by .*:\s+8080/).length - 1);
      assert.deepEqual(answers, [0, 0, 0, 1]);
    });

    await t.test('the events tell of all of it, once and in order', async () => {
      const events = readJsonLines((await talk.maos('events', 'latest', '--json')).stdout);
      const ofMessage = (message: MessageDocument) =>
        events.flatMap(({ type, data }) => (data.id === message.id ? [type.replace('message.', '')] : []));
      // The evidence of a delivery may be read after the reply, which acknowledges the message by itself.
      assert.deepEqual(
        messages.map((message) => ofMessage(message).filter((type) => type !== 'delivered')),
        [['queued', 'acknowledged'], ['queued', 'acknowledged'], ['queued']],
      );
      for (const message of messages) {
        const deliveries = ofMessage(message).filter((type) => type === 'delivered').length;
        assert.ok(
          deliveries === 1 || (deliveries === 0 && message.state === 'acknowledged'),
          `${deliveries} deliveries`,
        );
      }
      const requests = events.filter(({ type }) => type.startsWith('request.'));
      assert.deepEqual(
        requests.map(({ type, data }) => [type, data.by]),
        [
          ['request.opened', undefined],
          ['request.answered', by],
        ],
      );
    });
    await talk.nothingLeft();

    const after = [
      ['message', 'list', 'latest'],
      ['status', 'latest'],
      ['events', 'latest'],
    ];
    for (const { stdout } of during) t.diagnostic(stdout);
    for (const words of after) t.diagnostic((await talk.maos(...words)).stdout);
  });
}

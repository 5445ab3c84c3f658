import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { runIdOf } from '../../../../src/application/control/acp-runs.ts';
import { makeMessageId, parseSessionId } from '../../../../src/domain/ids.ts';
import { maxMessageBody } from '../../../../src/domain/message.ts';
import type { Workflow } from '../../../../src/domain/workflow.ts';
import { makeIdSource } from '../../../../src/infrastructure/ids.ts';
import {
  type AgentMessage,
  agentMessageSchema,
  messagePageSchema,
  messagesSchema,
} from '../../../../src/presentation/http/acp/message-schemas.ts';
import { errorSchema } from '../../../../src/presentation/http/acp/schemas.ts';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import { planRequest } from '../../../infrastructure/sqlite/samples.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';

const token = 'right-token';
const ids = makeIdSource();
let bench: Workbench;

before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

interface Server {
  readonly workflow: Workflow;
  readonly session_id: string;
  ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Answered>;
  /** Sends a notification to the agent 'qa', with other fields if given. */
  send(more?: object): Promise<AgentMessage>;
  lease(more?: object): Promise<readonly AgentMessage[]>;
  refusal(status: number, method: string, path: string, body?: unknown): Promise<string>;
  end(): Promise<void>;
}

interface Answered {
  readonly status: number;
  readonly json: unknown;
}

/** A server that ends with the test, and a session of three agents without an owner. */
async function serve(t: TestContext): Promise<Server> {
  const { runtime, root: projectPath } = bench;
  const ending = new AbortController();
  const identity = serverIdentity(runtime.version);
  const deps = { runtime, identity, projectPath, ending: ending.signal };
  const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
  const end = (): Promise<void> => {
    ending.abort();
    return service.close(10_000);
  };
  t.after(end);
  const workflow = bench.store(planRequest());
  const session_id = workflow.session.id;
  const ask: Server['ask'] = async (method, path, body, signal) => {
    const response = await fetch(`${service.url}/acp/messages${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return { status: response.status, json: await response.json() };
  };
  return {
    workflow,
    session_id,
    ask,
    async send(more) {
      const given = { session_id, to: 'qa', type: 'notification', body: 'Look.', ...more };
      const { status, json } = await ask('POST', '', given);
      assert.equal(status, 201, JSON.stringify(json));
      return messagesSchema.parse(json).messages[0] ?? assert.fail();
    },
    async lease(more) {
      const { status, json } = await ask('POST', '/lease', { session_id, recipient: 'qa', ...more });
      assert.equal(status, 200, JSON.stringify(json));
      return messagesSchema.parse(json).messages;
    },
    async refusal(status, method, path, body) {
      const answered = await ask(method, path, body);
      assert.equal(answered.status, status, JSON.stringify(answered.json));
      const { code, message } = errorSchema.parse(answered.json);
      return `${code}: ${message}`;
    },
    end,
  };
}

describe('/acp/messages', () => {
  it('takes a message from queued to acknowledged, and tells each state', async (t) => {
    const { workflow, session_id, ask, send, lease } = await serve(t);
    const sent = await send({ subject: 'Ports', body: '{"port":1}', content_type: 'application/json' });
    const qa = workflow.agents.find(({ name }) => name === 'qa')?.id;
    assert.deepEqual(
      [sent.from, sent.to, sent.state, sent.attempt, sent.schema_version, sent.session_id],
      ['@outside', qa, 'queued', 0, 1, session_id],
    );
    const look = async () => agentMessageSchema.parse((await ask('GET', `/${sent.id}`)).json);
    assert.deepEqual(await look(), sent);
    const [leased = assert.fail()] = await lease({ recipient: qa, max: 5, visibility_seconds: 600 });
    assert.deepEqual([leased.id, leased.state, leased.attempt], [sent.id, 'delivered', 1]);
    assert.deepEqual([sent.via, sent.expires_at, leased.via], [null, null, 'lease']);
    assert.equal(Date.parse(leased.lease_until ?? '') - Date.parse(leased.delivered_at ?? ''), 600_000);
    assert.deepEqual(await lease(), []);
    for (let time = 1; time <= 2; time++) {
      const { status, json } = await ask('POST', `/${sent.id}/ack`, { attempt: 1 });
      assert.deepEqual([status, agentMessageSchema.parse(json).state], [200, 'acknowledged']);
    }
    assert.equal((await look()).state, 'acknowledged');
  });

  it('answers 201, then 200 with the stored one, and 409 for another message of that id', async (t) => {
    const { session_id, ask, lease, refusal } = await serve(t);
    const id = makeMessageId(ids.ulid());
    const message = { id, session_id, to: 'qa', type: 'request', body: 'Which?', reply_to: null };
    const first = await ask('POST', '', message);
    await lease();
    const again = await ask('POST', '', message);
    assert.deepEqual([first.status, again.status], [201, 200]);
    assert.deepEqual(
      messagesSchema.parse(again.json).messages.map((stored) => [stored.id, stored.state]),
      [[id, 'delivered']],
    );
    assert.match(
      await refusal(409, 'POST', '', { ...message, body: 'What?' }),
      /^invalid_input: A different message/,
    );
  });

  it('carries a request and its response under one correlation id, back to who asked', async (t) => {
    const { session_id, send, lease, ask, refusal } = await serve(t);
    const request = await send({ type: 'request', correlation_id: 'question-7' });
    const answer = await send({ from: 'qa', to: null, type: 'response', reply_to: request.id, body: '42' });
    assert.deepEqual([answer.to, answer.correlation_id], ['@outside', 'question-7']);
    assert.equal((await lease({ recipient: '@outside' }))[0]?.body, '42');
    const { json } = await ask('GET', `?session_id=${session_id}&correlation_id=question-7`);
    assert.deepEqual(
      messagePageSchema.parse(json).messages.map(({ type }) => type),
      ['response', 'request'],
    );
    const wrong = { session_id, to: 'qa', type: 'response', body: '', reply_to: request.id };
    assert.match(await refusal(422, 'POST', '', wrong), /invalid_input: .* must go the other way/);
    assert.match(await refusal(422, 'POST', '', { ...wrong, reply_to: undefined }), /needs reply_to/);
  });

  it('sends one message to each agent for all', async (t) => {
    const { workflow, session_id, ask } = await serve(t);
    const all = { session_id, from: 'qa', to: '@all', type: 'notification', body: 'Stop.' };
    const { status, json } = await ask('POST', '', all);
    const { messages } = messagesSchema.parse(json);
    assert.equal(status, 201);
    assert.deepEqual(
      messages.map(({ to }) => to),
      workflow.agents.filter(({ name }) => name !== 'qa').map(({ id }) => id),
    );
    assert.equal(new Set(messages.map(({ broadcast_id }) => broadcast_id)).size, 1);
  });

  it('buries what is refused for good, among the dead letters', async (t) => {
    const { session_id, ask, send, lease, refusal } = await serve(t);
    const { id } = await send();
    await lease();
    const { json } = await ask('POST', `/${id}/nack`, { attempt: 1, reason: 'Not mine.', retry: false });
    assert.equal(agentMessageSchema.parse(json).dead_reason, 'rejected: Not mine.');
    const dead = await ask('GET', `?session_id=${session_id}&state=dead`);
    assert.deepEqual(
      messagePageSchema.parse(dead.json).messages.map((message) => message.id),
      [id],
    );
    assert.match(
      await refusal(403, 'POST', `/${id}/ack`, { attempt: 1 }),
      /^server_error: .*'dead' is final/,
    );
  });

  it('queues again what was given back, with a wait, and refuses a delivery that is over', async (t) => {
    const { ask, send, lease, refusal } = await serve(t);
    const { id } = await send({ max_attempts: 2 });
    await lease();
    const { json } = await ask('POST', `/${id}/nack`, { attempt: 1, reason: 'Busy.' });
    const again = agentMessageSchema.parse(json);
    assert.deepEqual([again.state, again.last_trouble], ['queued', 'Busy.']);
    assert.match(await refusal(403, 'POST', `/${id}/ack`, { attempt: 1 }), /is not in progress: Busy\./);
    const [second] = await lease({ wait_seconds: 30 });
    assert.deepEqual([second?.id, second?.attempt], [id, 2]);
    assert.match(await refusal(403, 'POST', `/${id}/ack`, { attempt: 1 }), /delivered 2 times since/);
  });

  it('takes the id of a run for its session', async (t) => {
    const { session_id, send, lease } = await serve(t);
    const run = runIdOf(parseSessionId(session_id));
    const sent = await send({ session_id: run.toUpperCase() });
    assert.equal(sent.session_id, session_id);
    assert.deepEqual(
      (await lease({ session_id: run })).map(({ id }) => id),
      [sent.id],
    );
  });

  it('pages through a session', async (t) => {
    const { session_id, ask, send } = await serve(t);
    const sent: string[] = [];
    for (let i = 0; i < 5; i++) sent.unshift((await send()).id);
    const seen: string[] = [];
    let before = '';
    for (let pages = 1; ; pages++) {
      const { json } = await ask('GET', `?session_id=${session_id}&limit=2${before}`);
      const { messages, next } = messagePageSchema.parse(json);
      seen.push(...messages.map(({ id }) => id));
      if (next === null) {
        assert.equal(pages, 3);
        break;
      }
      before = `&before=${next}`;
    }
    assert.deepEqual(seen, sent);
  });
});

describe('a lease over HTTP that waits', () => {
  it('is answered by a message that comes', async (t) => {
    const { send, lease } = await serve(t);
    const waiting = lease({ wait_seconds: 30 });
    const sent = await send();
    assert.equal((await waiting)[0]?.id, sent.id);
  });

  it('takes nothing any more when its client is gone', async (t) => {
    const { session_id, ask, send, lease } = await serve(t);
    const gone = new AbortController();
    const waiting = ask('POST', '/lease', { session_id, recipient: 'qa', wait_seconds: 30 }, gone.signal);
    // Round trips on other connections: whatever was sent to the server before them has arrived after them.
    const settle = async (): Promise<void> => {
      for (let trips = 0; trips < 3; trips++) assert.deepEqual(await lease({ recipient: '@outside' }), []);
    };
    await settle();
    gone.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    await settle();
    const { id } = await send();
    assert.deepEqual(
      (await lease()).map((message) => [message.id, message.attempt]),
      [[id, 1]],
    );
  });

  it('is answered with nothing when the server ends', async (t) => {
    const { lease, end, send } = await serve(t);
    const waiting = lease({ wait_seconds: 30 });
    // Once another connection got a response, the lease has been read, or is refused with its connection.
    await send({ to: '@outside' });
    const ended = end();
    assert.deepEqual(await waiting, []);
    await ended;
  });
});

describe('what is wrong with a message', () => {
  it('is named, with one of the three codes of the protocol', async (t) => {
    const { session_id, refusal } = await serve(t);
    const good = { session_id, to: 'qa', type: 'notification', body: '' };
    const unknown = makeMessageId(ids.ulid());
    const cases: [status: number, method: string, path: string, body: unknown, said: RegExp][] = [
      [422, 'POST', '', { ...good, urgent: true }, /^invalid_input: body: has an unknown key "urgent"/],
      [422, 'POST', '', { ...good, type: 'shout' }, /type/],
      [422, 'POST', '', { ...good, body: 'x'.repeat(maxMessageBody + 1) }, /body: body too big/],
      [422, 'POST', '', { ...good, body: 'a\u0000b' }, /must not contain a NUL/],
      [422, 'POST', '', { ...good, subject: 'x'.repeat(201) }, /subject too big/],
      [422, 'POST', '', { ...good, id: 'msg_1' }, /id must be 'msg_' and a ULID/],
      [
        422,
        'POST',
        '',
        { ...good, schema_version: 2 },
        /Unknown schema_version 2: this version of MAOS supports 1/,
      ],
      [422, 'POST', '', { ...good, content_type: 'x' }, /content_type must be a media type/],
      [422, 'POST', '', { ...good, max_attempts: 0 }, /max_attempts/],
      [422, 'POST', '', { ...good, reply_to: unknown }, /has no message msg_\w+ \(reply_to\)/],
      [422, 'POST', '', '{', /The body is not JSON/],
      [422, 'POST', '', '', /The body is not JSON/],
      [422, 'POST', '', [good], /expected object/],
      [404, 'POST', '', { ...good, session_id: 'sess_nothing' }, /^not_found: There is no session/],
      [404, 'POST', '', { ...good, to: 'nobody' }, /^not_found: .*no agent "nobody"/],
      [404, 'POST', '', { ...good, from: 'nobody' }, /^not_found: .*no agent "nobody"/],
      [422, 'POST', '/lease', { session_id, recipient: 'qa', wait_seconds: 31 }, /wait_seconds/],
      [422, 'POST', '/lease', { session_id, recipient: 'qa', max: 101 }, /max/],
      [422, 'POST', '/lease', { session_id, recipient: 'qa', visibility_seconds: 0 }, /visibility_seconds/],
      [422, 'POST', '/lease', { session_id }, /recipient/],
      [404, 'POST', '/lease', { session_id, recipient: '@all' }, /no agent "@all"/],
      [404, 'POST', `/${unknown}/ack`, { attempt: 1 }, /^not_found: There is no message "msg_/],
      [422, 'POST', `/${unknown}/ack`, {}, /attempt/],
      [422, 'POST', `/${unknown}/nack`, { attempt: 1 }, /reason/],
      [422, 'POST', '/msg_x/ack', { attempt: 1 }, /"msg_x" is not a message id/],
      [404, 'GET', `/${unknown}`, undefined, /^not_found: There is no message/],
      [422, 'GET', '/lease', undefined, /"lease" is not a message id/],
      [422, 'GET', '', undefined, /query: session_id/],
      [422, 'GET', `?session_id=${session_id}&limit=0`, undefined, /limit must be a number from 1 to 100/],
      [422, 'GET', `?session_id=${session_id}&colour=red`, undefined, /unknown key "colour"/],
      [422, 'GET', `?session_id=${session_id}&state=lost`, undefined, /state/],
    ];
    for (const [status, method, path, body, said] of cases) {
      assert.match(
        await refusal(status, method, path, body),
        said,
        `${method} ${path} ${JSON.stringify(body)}`,
      );
    }
    assert.deepEqual(bench.errors, []);
  });
});

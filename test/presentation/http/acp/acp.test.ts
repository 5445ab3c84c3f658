import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Hono } from 'hono';
import {
  type AcpEvent,
  errorSchema,
  eventSchema,
  eventsListSchema,
  type Run,
  runSchema,
  sessionSchema,
} from '../../../../src/presentation/http/acp/schemas.ts';
import { testAgents } from '../../../helpers/acp-agents.ts';
import { acpApp } from '../../../helpers/acp-bench.ts';
import { until } from '../../../helpers/waiting.ts';

const hello = [{ role: 'user', parts: [{ content: 'Hello!' }] }];
const goOn = { type: 'message', message: { parts: [] } };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into
  readonly body: any;
}

async function ask(app: Hono, path: string, body?: unknown, more: RequestInit = {}): Promise<Answer> {
  const post = typeof body === 'string' ? body : JSON.stringify(body);
  const init = body === undefined ? more : { method: 'POST', body: post, ...more };
  const response = await app.request(`/acp${path}`, init);
  const text = await response.text();
  checkShape(path, response.status, text);
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : null,
  };
}

/** Every response must match the document. */
function checkShape(path: string, status: number, text: string): void {
  if (text.startsWith('data: ')) {
    for (const event of framesOf(text)) eventSchema.parse(event);
    return;
  }
  const [, area, , part] = path.split(/[/?]/);
  const body = JSON.parse(text);
  if (status >= 400) errorSchema.strict().parse(body);
  else if (area === 'runs' && part === 'events') eventsListSchema.strict().parse(body);
  else if (area === 'runs') runSchema.strict().parse(body);
  else if (area?.startsWith('session')) sessionSchema.strict().parse(body);
}

const app = acpApp({ source: testAgents() });

describe('acp: agents', () => {
  it('answers a ping', async () => {
    const { status, body } = await ask(app, '/ping');
    assert.deepEqual([status, body], [200, {}]);
  });

  it('lists agents, all of them or a page', async () => {
    const all = (await ask(app, '/agents')).body.agents.map(({ name }: { name: string }) => name);
    assert.equal(all.length, 9);
    const page = (await ask(app, '/agents?limit=2&offset=1')).body.agents;
    assert.deepEqual(
      page.map(({ name }: { name: string }) => name),
      all.slice(1, 3),
    );
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'offset=-1', 'limit=1.5']) {
      const { status, body } = await ask(app, `/agents?${query}`);
      assert.deepEqual([status, body.code], [422, 'invalid_input'], query);
    }
  });

  it('gives one agent, also by a name with underscores', async () => {
    assert.equal((await ask(app, '/agents/slow_echo')).body.name, 'slow-echo');
    const { status, body } = await ask(app, '/agents/nobody');
    assert.deepEqual([status, body.code], [404, 'not_found']);
  });
});

describe('acp: runs', () => {
  it('runs to the end when asked to wait, which is the default', async () => {
    const { status, headers, body } = await ask(app, '/runs', { agent_name: 'echo', input: hello });
    assert.equal(status, 200);
    assert.equal(headers.get('run-id'), body.run_id);
    assert.equal(body.status, 'completed');
    assert.deepEqual(
      body.output.map(({ role, parts }: Run['output'][number]) => ({ role, parts })),
      [{ role: 'agent/echo', parts: [{ content: 'Hello!' }] }],
    );
    assert.deepEqual((await ask(app, `/runs/${body.run_id}`)).body, body);
  });

  it('takes nulls for all that may be left out, empty parts, and bodies without a type', async () => {
    const part = { content: 'x', name: null, content_type: null, content_encoding: null, content_url: null };
    const message = {
      role: 'user',
      parts: [{ ...part, metadata: null }],
      created_at: null,
      completed_at: null,
    };
    const body = {
      agent_name: 'echo',
      input: [message, { parts: [] }],
      mode: null,
      session_id: null,
      session: null,
    };
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const response = await ask(app, '/runs', undefined, { method: 'POST', body: bytes });
    assert.equal(response.status, 200, response.text);
    assert.equal(response.body.output.length, 2);
    assert.deepEqual(response.body.output[0].parts, message.parts);
  });

  it('answers at once when asked to, as created', async () => {
    const { status, body } = await ask(app, '/runs', { agent_name: 'echo', input: hello, mode: 'async' });
    assert.deepEqual([status, body.status], [202, 'created']);
    assert.equal((await settled(app, body.run_id)).status, 'completed');
  });

  it('streams the events it lists later', async () => {
    const asked = { agent_name: 'artifact-producer', input: hello, mode: 'stream' };
    const { headers, text } = await ask(app, '/runs', asked);
    assert.match(headers.get('content-type') ?? '', /^text\/event-stream/);
    const streamed = framesOf(text);
    assert.equal(streamed[0]?.type, 'run.created');
    assert.equal(streamed.at(-1)?.type, 'run.completed');
    const id = headers.get('run-id');
    assert.deepEqual((await ask(app, `/runs/${id}/events`)).body.events, streamed);
    assert.equal(streamed.filter((event) => event.type === 'message.part' && event.part.name).length, 3);
  });

  it('tells a failed run as a run, not as an error', async () => {
    for (const agent_name of ['failer', 'raiser']) {
      const { status, body } = await ask(app, '/runs', { agent_name, input: hello });
      assert.deepEqual([status, body.status, body.error.code], [200, 'failed', 'invalid_input']);
    }
  });

  it('cancels, also what awaits', async () => {
    for (const agent_name of ['awaiter', 'slow_echo']) {
      const { body } = await ask(app, '/runs', { agent_name, input: hello, mode: 'async' });
      const cancelled = await ask(app, `/runs/${body.run_id}/cancel`, '');
      assert.deepEqual([cancelled.status, cancelled.body.status], [202, 'cancelling']);
      assert.equal((await settled(app, body.run_id)).status, 'cancelled');
      const again = await ask(app, `/runs/${body.run_id}/cancel`, '');
      assert.deepEqual([again.status, again.body.code], [403, 'server_error']);
    }
  });

  it('lets an awaiting run go on, in each mode', async () => {
    for (const mode of ['sync', 'async', 'stream']) {
      const { body } = await ask(app, '/runs', { agent_name: 'awaiter', input: hello });
      assert.equal(body.status, 'awaiting');
      assert.equal(body.await_request.type, 'message');
      const resumed = await ask(app, `/runs/${body.run_id}`, { await_resume: goOn, mode });
      if (mode === 'sync') assert.deepEqual([resumed.status, resumed.body.status], [200, 'completed']);
      if (mode === 'async') assert.deepEqual([resumed.status, resumed.body.status], [202, 'in-progress']);
      if (mode === 'stream') {
        const types = framesOf(resumed.text).map(({ type }) => type);
        assert.deepEqual([types[0], types.at(-1)], ['run.in-progress', 'run.completed']);
      }
      await settled(app, body.run_id);
      const again = await ask(app, `/runs/${body.run_id}`, { await_resume: goOn, mode });
      assert.deepEqual([again.status, again.body.code], [403, 'server_error']);
    }
  });

  it('goes on when the one who streams it leaves', async () => {
    const body = JSON.stringify({ agent_name: 'slow-echo', input: hello, mode: 'stream' });
    const response = await app.request('/acp/runs', { method: 'POST', body });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    const id = response.headers.get('run-id') ?? '';
    assert.equal((await settled(app, id)).status, 'completed');
  });
});

describe('acp: sessions', () => {
  it('keeps what was said, each message at its own URL', async () => {
    const session_id = randomUUID();
    const asked = { agent_name: 'history-echo', input: hello, session_id };
    assert.equal((await ask(app, '/runs', asked)).body.output.length, 1);
    assert.equal((await ask(app, '/runs', asked)).body.output.length, 3);
    for (const path of [`/sessions/${session_id}`, `/session/${session_id.toUpperCase()}`]) {
      const { status, body } = await ask(app, path);
      assert.deepEqual([status, body.id, body.history.length], [200, session_id, 6]);
      const message = await app.request(body.history[1]);
      const { role, parts } = (await message.json()) as Run['output'][number];
      assert.deepEqual({ role, parts }, { role: 'agent/history-echo', parts: [{ content: 'Hello!' }] });
      const withHistory = {
        ...asked,
        session: { id: session_id, history: body.history },
        agent_name: 'echo',
      };
      assert.equal((await ask(app, '/runs', { ...withHistory, input: [] })).status, 422);
    }
    const session = { id: session_id, history: ['http://169.254.169.254/latest'] };
    const refused = await ask(app, '/runs', { ...asked, session });
    assert.deepEqual([refused.status, refused.body.code], [422, 'invalid_input']);
    const withState = { id: session_id, state: 'http://127.0.0.1:9/state' };
    assert.equal((await ask(app, '/runs', { ...asked, session: withState })).status, 422);
    const queried = await ask(app, `/sessions/${session_id}?from=a/b`);
    assert.deepEqual(queried.body, (await ask(app, `/sessions/${session_id}`)).body);
    const other = { id: randomUUID(), history: [] };
    assert.equal((await ask(app, '/runs', { ...asked, session: other })).status, 422);
  });

  it('has no session nobody used', async () => {
    const { status, body } = await ask(app, `/sessions/${randomUUID()}`);
    assert.deepEqual([status, body.code], [404, 'not_found']);
  });
});

describe('acp: what is wrong', () => {
  it('is said with the three codes there are', async () => {
    const run = { agent_name: 'echo', input: hello };
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const deep = `{"agent_name":"echo","input":[{"parts":[{"content":"a","more":${nested}}]}]}`;
    const cases: [string, unknown, number, string][] = [
      ['/runs', '{', 422, 'invalid_input'],
      ['/runs', '[]', 422, 'invalid_input'],
      ['/runs', { ...run, agent_name: 'nobody' }, 404, 'not_found'],
      ['/runs', { ...run, agent_name: 7 }, 422, 'invalid_input'],
      ['/runs', { ...run, input: 'Hello' }, 422, 'invalid_input'],
      ['/runs', { ...run, input: [] }, 422, 'invalid_input'],
      ['/runs', { ...run, mode: 'later' }, 422, 'invalid_input'],
      ['/runs', { ...run, session_id: 'mine' }, 422, 'invalid_input'],
      ['/runs', { ...run, input: [{ role: 'boss', parts: [] }] }, 422, 'invalid_input'],
      [
        '/runs',
        { ...run, input: [{ parts: [{ content: 'a', content_url: 'http://a.example' }] }] },
        422,
        'invalid_input',
      ],
      ['/runs', { ...run, input: [{ parts: [{ metadata: { kind: 'other' } }] }] }, 422, 'invalid_input'],
      ['/runs', deep, 422, 'invalid_input'],
      ['/runs/7', undefined, 422, 'invalid_input'],
      [`/runs/${randomUUID()}`, undefined, 404, 'not_found'],
      [`/runs/${randomUUID()}`, { await_resume: goOn }, 404, 'not_found'],
      [`/runs/${randomUUID()}`, {}, 422, 'invalid_input'],
      [`/runs/${randomUUID()}/cancel`, '', 404, 'not_found'],
      [`/runs/${randomUUID()}/events`, undefined, 404, 'not_found'],
      ['/sessions/x', undefined, 422, 'invalid_input'],
    ];
    for (const [path, body, status, code] of cases) {
      const answer = await ask(app, path, body);
      const what = `${path} ${JSON.stringify(body)?.slice(0, 200)}: ${answer.text}`;
      assert.deepEqual([answer.status, answer.body?.code], [status, code], what);
      assert.equal(typeof answer.body.message, 'string');
    }
  });
});

function framesOf(text: string): readonly AcpEvent[] {
  const frames = text.split('\n\n').filter((frame) => frame !== '');
  for (const frame of frames) assert.match(frame, /^data: \{.*\}$/);
  return frames.map((frame) => JSON.parse(frame.slice('data: '.length)) as AcpEvent);
}

/** A test agent ends by itself within two seconds. */
function settled(of: Hono, id: string): Promise<Run> {
  return until(async () => {
    const { body } = await ask(of, `/runs/${id}`);
    return ['completed', 'failed', 'cancelled'].includes(body.status) ? (body as Run) : null;
  }, `the end of ${id}`);
}

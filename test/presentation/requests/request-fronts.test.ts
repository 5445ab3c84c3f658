import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { followEvents } from '../../../src/application/queries/event-feed.ts';
import { InputRequests } from '../../../src/application/requests/input-requests.ts';
import type { AgentId, SessionId } from '../../../src/domain/ids.ts';
import type { InputRequest } from '../../../src/domain/input-request.ts';
import { requestPageSchema, requestSchema } from '../../../src/presentation/http/requests/request-schemas.ts';
import { startHttp } from '../../../src/presentation/http/server/http-service.ts';
import { ModernServer } from '../../../src/presentation/mcp/modern/modern-server.ts';
import { serverIdentity } from '../../../src/presentation/mcp/server/identity.ts';
import { modernRequest } from '../mcp/modern/meta.ts';
import { openWorkbench, type Workbench } from '../mcp/workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(async () => {
  await bench.close();
  assert.deepEqual(bench.errors, []);
});

interface Team {
  readonly id: SessionId;
  readonly requests: InputRequests;
  ask(more?: Partial<Parameters<InputRequests['open']>[0]>): InputRequest;
  end(): void;
}

let teams = 0;

/** A session with one agent that runs until `end`. */
async function team(t: TestContext): Promise<Team> {
  const gate = `team-${++teams}`;
  const agent = { role: 'qa', name: 'asker', task: 'Ask.', command: bench.gate(gate) };
  const started = await bench.ask('orchestrate', { objective: 'Ask.', agents: [agent] });
  const id = started.session_id as SessionId;
  t.after(() => bench.open(gate));
  const { project } = bench;
  for await (const events of followEvents(project, id, 0, AbortSignal.timeout(30_000))) {
    if (events.some(({ type }) => type === 'agent.spawned')) break;
  }
  const agentId = project.store.load(id).agents[0]?.id as AgentId;
  const requests = new InputRequests(project);
  let keys = 0;
  return {
    id,
    requests,
    ask: (more = {}) =>
      requests.open({
        ...{ sessionId: id, agentId, attempt: 1, key: `k${++keys}`, kind: 'permission', tool: 'Bash' },
        ...{ action: 'git push', reason: null, choices: [], ...more },
      }),
    end: () => bench.open(gate),
  };
}

describe('a client over MCP that can ask its user', () => {
  const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };

  function serve(t: TestContext) {
    const ending = new AbortController();
    t.after(() => ending.abort());
    const server = new ModernServer({
      ...{
        runtime: bench.runtime,
        identity: serverIdentity('1.2.3'),
        projectPath: bench.root,
        ending: ending.signal,
      },
    });
    const stream = { signal: ending.signal, tell: async () => {} };
    let ids = 0;
    return async (id: SessionId, more: object = {}) => {
      const args = { session_id: id, timeout_seconds: 60 };
      const params = { name: 'wait-session', arguments: args, ...more, _meta: capabilities };
      const answer = await server.answer(modernRequest(++ids, 'tools/call', params), stream);
      assert.ok(answer !== null && 'result' in answer, JSON.stringify(answer));
      return answer.result as {
        readonly resultType: string;
        readonly inputRequests?: Readonly<Record<string, { readonly params: { readonly message: string } }>>;
        readonly requestState?: string;
        readonly structuredContent?: { readonly requests?: readonly unknown[]; readonly settled: boolean };
      };
    };
  }

  it('is asked in the answer to its wait, and waits on with what the user decided', async (t) => {
    const { id, ask, end, requests } = await team(t);
    const wait = serve(t);
    const permission = ask();
    const question = ask({ kind: 'question', tool: null, action: 'Which port?', choices: ['80', '8080'] });
    const asked = await wait(id);
    assert.equal(asked.resultType, 'input_required');
    const { inputRequests = {}, requestState } = asked;
    assert.deepEqual(new Set(Object.keys(inputRequests)), new Set([permission.id, question.id]));
    assert.equal(
      inputRequests[permission.id]?.params.message,
      'The agent asker asks to be allowed:\nBash: git push',
    );
    const inputResponses = {
      [permission.id]: { action: 'accept', content: { decision: 'deny', message: 'Not today.' } },
      [question.id]: { action: 'accept', content: { answer: '8080' } },
    };
    const waiting = wait(id, { inputResponses, requestState });
    const denied = await requests.waitForAnswer(permission.id, AbortSignal.timeout(30_000));
    assert.deepEqual(denied.answer, { kind: 'permission', decision: 'deny', message: 'Not today.' });
    assert.deepEqual(denied.answeredBy, { type: 'person', front: 'mcp' });
    const answered = await requests.waitForAnswer(question.id, AbortSignal.timeout(30_000));
    assert.deepEqual(answered.answer, { kind: 'question', text: '8080' });
    end();
    assert.equal((await waiting).structuredContent?.settled, true);
  });

  it('is asked once; what its user declines is listed for whoever may answer', async (t) => {
    const { id, ask, end, requests } = await team(t);
    const wait = serve(t);
    const request = ask();
    const { requestState } = await wait(id);
    const inputResponses = { [request.id]: { action: 'decline' } };
    const { resultType, structuredContent } = await wait(id, { inputResponses, requestState });
    assert.equal(resultType, 'complete');
    assert.equal(structuredContent?.requests?.length, 1);
    assert.equal(requests.find(request.id).state, 'open');
    end();
  });

  it('cannot answer what it was not asked', async (t) => {
    const { id, ask, end, requests } = await team(t);
    const wait = serve(t);
    const request = ask();
    const inputResponses = { [request.id]: { action: 'accept', content: { decision: 'allow' } } };
    assert.equal((await wait(id, { inputResponses })).resultType, 'input_required');
    assert.equal(requests.find(request.id).state, 'open');
    end();
  });
});

describe('a client over MCP', () => {
  it('hears in its wait that an agent asks, answers, and waits on', async (t) => {
    const { id, ask, end } = await team(t);
    const waiting = bench.ask('wait-session', { session_id: id, timeout_seconds: 60 });
    const request = ask();
    const told = await waiting;
    assert.deepEqual([told.state, told.settled], ['running', false]);
    const [open] = told.requests as Record<string, unknown>[];
    assert.deepEqual(open, {
      ...{ request_id: request.id, agent: 'asker', kind: 'permission', tool: 'Bash', action: 'git push' },
      expires_at: request.expiresAt,
    });
    assert.match(String(told.next), /call respond/);
    const status = await bench.ask('session-status', { session_id: id });
    assert.deepEqual(status.requests, told.requests);
    const done = await bench.ask('respond', {
      request_id: request.id,
      decision: 'deny',
      message: 'Not today.',
    });
    assert.equal(done.state, 'answered');
    assert.match(String(done.summary), /^req_\w+ was denied by a client over MCP\.$/);
    end();
    const ended = await bench.ask('wait-session', { session_id: id, timeout_seconds: 60 });
    assert.deepEqual([ended.settled, ended.requests], [true, undefined]);
  });

  it('is told once of a request that it leaves open, and sees it as long as it is', async (t) => {
    const { id, ask } = await team(t);
    const { id: first } = ask();
    await bench.ask('wait-session', { session_id: id, timeout_seconds: 60 });
    const again = await bench.ask('wait-session', { session_id: id, timeout_seconds: 1 });
    assert.deepEqual(
      (again.requests as { request_id: string }[]).map(({ request_id }) => request_id),
      [first],
    );
    ask({ kind: 'question', tool: null, action: 'Which?', choices: ['a', 'b'] });
    const more = await bench.ask('wait-session', { session_id: id, timeout_seconds: 60 });
    assert.deepEqual((more.requests as unknown[]).length, 2);
    await bench.ask('respond', { request_id: 'latest', answer: 'b' });
  });

  it('is refused with what is wrong', async (t) => {
    const { ask } = await team(t);
    const { id } = ask();
    for (const wrong of [{}, { decision: 'allow', answer: 'x' }, { answer: 'x', message: 'y' }]) {
      assert.match(
        await bench.refusal('respond', { request_id: id, ...wrong }),
        /either decision .* or answer/,
      );
    }
    assert.match(
      await bench.refusal('respond', { request_id: id, answer: 'x' }),
      /is a permission\. Allow or deny it/,
    );
    await bench.ask('respond', { request_id: id, decision: 'allow' });
    const late = await bench.refusal('respond', { request_id: id, decision: 'deny' });
    assert.match(late, /INVALID_TRANSITION/);
    assert.match(late, /it was answered by a client over MCP/);
    assert.match(
      await bench.refusal('respond', { request_id: 'req_00000', decision: 'deny' }),
      /There is no request/,
    );
  });
});

describe('a client over HTTP', () => {
  const token = 'right-token';

  async function serve(t: TestContext) {
    const { runtime, root: projectPath } = bench;
    const ending = new AbortController();
    const identity = serverIdentity(runtime.version);
    const deps = { runtime, identity, projectPath, ending: ending.signal };
    const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
    t.after(() => {
      ending.abort();
      return service.close(10_000);
    });
    return async (path: string, body?: unknown, authorization = `Bearer ${token}`) => {
      const response = await fetch(`${service.url}/api/requests${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    };
  }

  it('lists, reads and answers what agents ask', async (t) => {
    const { id, ask, requests } = await team(t);
    const call = await serve(t);
    const [first, second] = [ask(), ask({ kind: 'question', tool: null, action: 'Which?' })];
    const page = requestPageSchema.parse((await call(`?session=${id}&limit=1`)).json);
    assert.deepEqual(
      [page.requests.map(({ request_id }) => request_id), page.next],
      [[second.id], second.id],
    );
    const rest = requestPageSchema.parse((await call(`?session=${id}&before=${page.next}`)).json);
    assert.deepEqual([rest.requests.map(({ request_id }) => request_id), rest.next], [[first.id], null]);
    const allowed = await call(`/${first.id}`, { decision: 'allow' });
    assert.equal(allowed.status, 200);
    const view = requestSchema.parse(allowed.json);
    assert.deepEqual(
      [view.state, view.decision, view.answered_by],
      ['answered', 'allow', 'a client over HTTP'],
    );
    assert.equal((await call(`/${first.id}`, { decision: 'allow' })).status, 200);
    assert.equal((await call(`/${second.id}`, { answer: 'This.' })).status, 200);
    assert.deepEqual(requests.find(second.id).answer, { kind: 'question', text: 'This.' });
    assert.equal(requestSchema.parse((await call(`/${second.id}`)).json).answer, 'This.');
    const all = requestPageSchema.parse((await call(`?session=${id}&state=all`)).json);
    assert.equal(all.requests.length, 2);
    assert.deepEqual((await call(`?session=${id}`)).json, { requests: [], next: null });
  });

  it('is refused with a status and what is wrong', async (t) => {
    const { ask } = await team(t);
    const call = await serve(t);
    const { id } = ask();
    const none = `req_${'0'.repeat(26)}`;
    const cases: readonly (readonly [path: string, body: unknown, status: number])[] = [
      [`/${id}`, 'no json', 400],
      [`/${id}`, { decision: 'perhaps' }, 400],
      [`/${id}`, { answer: 'x' }, 400],
      [`/${id}`, { decision: 'allow', more: 1 }, 400],
      ['/req_1', undefined, 400],
      [`/${none}`, undefined, 404],
      [`/${none}`, { decision: 'allow' }, 404],
      ['?state=shut', undefined, 400],
      [`?session=sess_${'0'.repeat(26)}`, undefined, 404],
    ];
    for (const [path, body, status] of cases) {
      const { status: got, json } = await call(path, body);
      assert.equal(got, status, `${path} ${JSON.stringify(json)}`);
      assert.equal(typeof json.message, 'string');
    }
    assert.equal((await call(`/${id}`, { decision: 'deny' })).status, 200);
    assert.equal((await call(`/${id}`, { decision: 'allow' })).status, 409);
    assert.equal((await call(`/${id}`, { decision: 'allow' }, 'Bearer wrong')).status, 401);
  });
});

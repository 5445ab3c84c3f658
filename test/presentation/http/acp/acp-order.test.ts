import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { ArrivalOrder } from '../../../../src/presentation/http/acp/arrival-order.ts';
import type { RunSource } from '../../../../src/presentation/http/acp/run-source.ts';
import { testAgents } from '../../../helpers/acp-agents.ts';
import { acpApp, serveAcp } from '../../../helpers/acp-bench.ts';

/** A server, and the texts of the runs that were started on it, in order. */
async function serve(t: TestContext): Promise<{ url: string; started: string[] }> {
  const agents = testAgents();
  const started: string[] = [];
  const source: RunSource = {
    agents: () => agents.agents(),
    has: (agent) => agents.has(agent),
    find: (id) => agents.find(id),
    ofSession: (id) => agents.ofSession(id),
    start: (agent, input, session) => {
      started.push(String(input[0]?.parts[0]?.content));
      return agents.start(agent, input, session);
    },
  };
  return { url: await serveAcp(t, acpApp({ source })), started };
}

function bodyOf(content: string, session_id?: string): string {
  return JSON.stringify({ agent_name: 'echo', input: [{ parts: [{ content }] }], session_id });
}

/** A request of which the server has only the head; the test sends its body later. */
async function begin(url: string, length: number): Promise<{ call: ClientRequest; answer: Promise<number> }> {
  const headers = { expect: '100-continue', 'content-length': length };
  const call = request(`${url}/runs`, { method: 'POST', headers, agent: false });
  const answer = once(call, 'response').then(async ([first]) => {
    const response: IncomingMessage = first;
    await text(response);
    return response.statusCode ?? 0;
  });
  call.flushHeaders();
  await once(call, 'continue');
  return { call, answer };
}

async function post(url: string, body: string): Promise<number> {
  return (await fetch(`${url}/runs`, { method: 'POST', body })).status;
}

describe('requests for runs', () => {
  it('of one session are taken in the order in which they arrived, however slowly their bodies come', async (t) => {
    const { url, started } = await serve(t);
    const session = randomUUID();
    const body = bodyOf('first', session);
    const { call, answer } = await begin(url, body.length);
    call.write(body.slice(0, 20));
    const second = await begin(url, bodyOf('second', session).length);
    second.call.end(bodyOf('second', session));
    // A request without a session waits for no other.
    assert.equal(await post(url, bodyOf('other')), 200);
    assert.deepEqual(started, ['other']);
    call.end(body.slice(20));
    assert.deepEqual(await Promise.all([answer, second.answer]), [200, 200]);
    assert.deepEqual(started, ['other', 'first', 'second']);
  });

  it('of other sessions, refused ones and ones that never come keep nobody waiting', async (t) => {
    const { url, started } = await serve(t);
    const session = randomUUID();
    const refused = await begin(url, 2);
    const cut = await begin(url, 1_000);
    const behind = await begin(url, bodyOf('behind', session).length);
    behind.call.end(bodyOf('behind', session));
    refused.call.end('{}');
    assert.equal(await refused.answer, 422);
    cut.answer.catch(() => {});
    cut.call.destroy();
    assert.equal(await behind.answer, 200);
    assert.deepEqual(started, ['behind']);
  });
});

describe('the order of arrival', () => {
  it('waits only so long for one that does not say which session it is for', async () => {
    const order = new ArrivalOrder(1);
    order.arrive();
    await order.arrive().turn('a');
  });

  it('holds for those of the same session, and ends with each that is done with', async () => {
    const order = new ArrivalOrder(60_000);
    const [first, other, last] = [order.arrive(), order.arrive(), order.arrive()];
    await first.turn('a');
    await other.turn('b');
    const steps: string[] = [];
    const turn = last.turn('a').then(() => steps.push('last'));
    steps.push('first');
    first.leave();
    first.leave();
    await turn;
    assert.deepEqual(steps, ['first', 'last']);
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import * as z from 'zod';
import { startHttp } from '../../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../../src/presentation/mcp/server/identity.ts';
import type { Tool } from '../../../../src/presentation/mcp/server/tool.ts';
import { modernRequest } from '../../mcp/modern/meta.ts';
import { openWorkbench, type Workbench } from '../../mcp/workbench.ts';
import { openSession, type Place, request, send } from '../mcp-client.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.close());

const toolUse = { 'claudecode/toolUseId': 'toolu_01A2B3C4D5E6F7G8H9J0KLMN' };

/** A tool that changes something: it counts its calls, and ends each when it is let go. */
class Counter {
  readonly calls: {
    readonly begun: PromiseWithResolvers<void>;
    readonly goOn: PromiseWithResolvers<void>;
  }[] = [];
  count = 0;

  /** The moments of the call with this number. */
  call(number: number) {
    while (this.calls.length <= number)
      this.calls.push({ begun: Promise.withResolvers(), goOn: Promise.withResolvers() });
    return this.calls[number] ?? assert.fail();
  }

  get tool(): Tool {
    return {
      ...{ name: 'count', title: 'Count', description: 'Counts.', input: z.strictObject({ by: z.number() }) },
      annotations: {
        readOnlyHint: false,
        destructiveHint: true,
        idempotentHint: false,
        openWorldHint: false,
      },
      call: async () => {
        const number = this.count++;
        const { begun, goOn } = this.call(number);
        begun.resolve();
        await goOn.promise;
        return { content: [{ type: 'text', text: String(number) }] };
      },
    };
  }
}

async function serve(t: TestContext) {
  const counter = new Counter();
  const ending = new AbortController();
  const service = await startHttp(
    {
      ...{ runtime: bench.runtime, identity: serverIdentity('1.2.3'), projectPath: bench.root },
      ending: ending.signal,
      loadRegistry: async () => ({ tools: [counter.tool], resources: [], prompts: [] }),
    },
    { host: '127.0.0.1', port: 0, token: 'right-token' },
  );
  t.after(() => {
    ending.abort();
    return service.close(1_000);
  });
  return { counter, place: { url: service.url, token: 'right-token' } };
}

const call = { name: 'count', arguments: { by: 1 } };

function modern(place: Place, id: number, params: object, signal?: AbortSignal): Promise<Response> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'count' };
  const body = modernRequest(id, 'tools/call', { ...call, ...params });
  return send(place, 'POST', { headers, body, ...(signal === undefined ? {} : { signal }) });
}

async function textOf(response: Response): Promise<string> {
  const body = await response.text();
  const data = body.startsWith('{')
    ? body
    : body
        .split('\n')
        .findLast((line) => line.startsWith('data: {'))
        ?.slice(6);
  return JSON.parse(data ?? assert.fail(body)).result.content[0].text;
}

/** Breaks the stream of a call once the tool has begun. */
async function breakOff(counter: Counter, ask: (signal: AbortSignal) => Promise<Response>): Promise<void> {
  const leave = new AbortController();
  const broken = ask(leave.signal).then((response) => response.text());
  await counter.call(0).begun.promise;
  leave.abort();
  await assert.rejects(broken);
}

describe('a call that changes something, sent again after its stream broke', () => {
  it('acts once in MCP 2026-07-28 if Claude Code names it, whether the first has ended or not', async (t) => {
    const { counter, place } = await serve(t);
    await breakOff(counter, (signal) => modern(place, 1, { _meta: toolUse }, signal));
    const again = modern(place, 2, { _meta: toolUse });
    counter.call(0).goOn.resolve();
    assert.equal(await textOf(await again), '0');
    assert.equal(await textOf(await modern(place, 3, { _meta: toolUse })), '0');
    assert.equal(counter.count, 1);
  });

  it('acts once if Codex names it', async (t) => {
    const { counter, place } = await serve(t);
    counter.call(0).goOn.resolve();
    const _meta = { callId: 'call_01A2B3C4D5E6F7G8H9', threadId: '01a220ea-2f99-7d72-8cb3-210e1034da45' };
    for (const id of [1, 2]) assert.equal(await textOf(await modern(place, id, { _meta })), '0');
    assert.equal(counter.count, 1);
  });

  it('acts once across versions and sessions, because the name is of the call', async (t) => {
    const { counter, place } = await serve(t);
    await breakOff(counter, (signal) => modern(place, 1, { _meta: toolUse }, signal));
    counter.call(0).goOn.resolve();
    for (const id of [1, 2]) {
      const headers = await openSession(place);
      const body = request(id, 'tools/call', { ...call, _meta: toolUse });
      assert.equal(await textOf(await send(place, 'POST', { headers, body })), '0');
    }
    assert.equal(counter.count, 1);
  });

  it('acts once in a session, by the id of the request, which no other request may have', async (t) => {
    const { counter, place } = await serve(t);
    const headers = await openSession(place);
    const body = request(7, 'tools/call', call);
    await breakOff(counter, (signal) => send(place, 'POST', { headers, body, signal }));
    // Its stream begins when the server has the request.
    const again = await send(place, 'POST', { headers, body });
    counter.call(0).goOn.resolve();
    assert.equal(await textOf(again), '0');
    assert.equal(counter.count, 1);
  });

  it('acts again where MAOS cannot know it: another id, another session, another argument, a short name', async (t) => {
    const { counter, place } = await serve(t);
    for (let number = 0; number < 12; number += 1) counter.call(number).goOn.resolve();
    const headers = await openSession(place);
    const asks = [
      () => modern(place, 1, {}),
      () => modern(place, 1, {}),
      () => modern(place, 1, { _meta: { 'claudecode/toolUseId': 'call_0' } }),
      () => modern(place, 1, { _meta: { 'claudecode/toolUseId': 'call_0' } }),
      () => modern(place, 1, { _meta: toolUse }),
      () => modern(place, 1, { _meta: toolUse, arguments: { by: 2 } }),
      () => send(place, 'POST', { headers, body: request(1, 'tools/call', call) }),
      () => send(place, 'POST', { headers, body: request(2, 'tools/call', call) }),
      async () =>
        send(place, 'POST', { headers: await openSession(place), body: request(2, 'tools/call', call) }),
    ];
    for (const ask of asks) await textOf(await ask());
    assert.equal(counter.count, asks.length);
  });

  it('acts again under an id that is used again although its answer arrived', async (t) => {
    const { counter, place } = await serve(t);
    for (const number of [0, 1]) counter.call(number).goOn.resolve();
    const headers = await openSession(place);
    const body = request(1, 'tools/call', call);
    assert.equal(await textOf(await send(place, 'POST', { headers, body })), '0');
    assert.equal(await textOf(await send(place, 'POST', { headers, body })), '1');
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { sessionOfRun } from '../../src/application/control/acp-runs.ts';
import { type DocumentClient, firstEvent } from '../helpers/http-calls.ts';
import { until } from '../helpers/waiting.ts';

/** Values that exist on the server, by `name` or `operation.name`, so that requests succeed. */
export type Known = Readonly<Record<string, readonly unknown[]>>;

export interface LiveStatus {
  readonly known: Known;
  /** Ends everything that is still running or open. */
  leave(): Promise<void>;
}

const script = `#!/bin/sh
if [ "$1" = --version ]; then echo '9.9.9 (Claude Code)'; exit; fi
IFS= read -r prompt
case "$prompt" in *'Stay here.'*) while [ -e "$0" ]; do sleep 1; done; exit;; esac
echo '{"type":"result","subtype":"success","is_error":false,"result":"Done.","num_turns":1}'
cat >/dev/null
`;

/** A program that replaces Claude Code: it succeeds at once, or, if told to, runs as long as its own file exists. */
export function quickClaude(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

const accept = 'application/json, text/event-stream';
const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } },
};
const noRequest = `req_${'0'.repeat(26)}`;
const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

/** A valid call of every endpoint. */
export async function goodCalls(client: DocumentClient): Promise<LiveStatus> {
  for (const id of ['page', 'health', 'metrics', 'openApi', 'getOverview', 'ping', 'listAgents'])
    await client.call(id);
  await dashboard(client);
  await client.call('getAgent', { params: { name: 'tester' } });
  const ended = await endedRun(client);
  const runId = await standingRun(client);
  const params = { run_id: runId };
  const session = sessionOfRun(runId);
  await client.call('events', { query: { session } });
  await client.call('events', { query: { all: 'true' } });
  const message = await messages(client, session);
  await signIn(client);
  await requests(client);
  await sessions(client, session);
  const mcp = await mcpSession(client);
  const sse = await sseSession(client);
  return {
    known: {
      ...{ name: ['tester', 'nobody'], agent_name: ['nobody'], run_id: [ended.run_id, runId] },
      'createRun.agent_name': ['nobody', 'nobody', 'tester'],
      'createRun.session': [null],
      'sendMessage.type': ['notification', 'request', 'response'],
      schema_version: [null, 1],
      content_url: [null],
      content: ['Hello.', null],
      metadata: [null],
      ...{
        'getRequest.id': [noRequest],
        'answerRequest.id': [noRequest],
        'listRequests.before': [noRequest],
      },
      'cancelRun.run_id': [ended.run_id],
      agent: ['tester', 'nobody'],
      ...{ 'getAgentSteps.cursor': ['0', '7+1'], 'getAgentSteps.before': ['end', '12'], attempt: [1] },
      ...{ path: ['results/a.md', 'results/../../x', '..%2f', 'shared'] },
      ...{ 'getSessionEvents.before': ['3'], check: ['1', 'last'] },
      ...{ cursor: [session], project: ['/nowhere'] },
      ...{ session: [session], session_id: [session, 'latest'], index: ['0', '1', '2'] },
      'getSession.session_id': [ended.session_id],
      'getSessionByOldPath.session_id': [ended.session_id],
      'createRun.session_id': [ended.session_id],
      ...{ id: [message], reply_to: [message], before: [message], attempt: [1], wait_seconds: [0, 0.01] },
      ...{
        to: ['@outside', '@all', 'tester'],
        from: ['@outside', 'tester'],
        recipient: ['@outside', 'tester'],
      },
      ...{ Accept: [accept], 'Mcp-Session-Id': [mcp], 'MCP-Protocol-Version': ['2025-11-25', '2025-06-18'] },
      ...{ 'mcpEnd.Mcp-Session-Id': ['gone'], 'Last-Event-ID': ['_GET_stream:0', '0'], sessionId: [sse.id] },
      params: [
        {},
        { name: 'list-roles' },
        { name: 'list-sessions', arguments: { limit: 'x' } },
        { uri: 'maos://roles' },
      ],
      method: [
        'ping',
        'tools/list',
        'tools/call',
        'resources/read',
        'prompts/list',
        'notifications/cancelled',
      ],
    },
    async leave() {
      await sse.leave();
      await client.call('mcpEnd', { headers: { 'mcp-session-id': mcp } });
      await client.call('cancelRun', { params, status: 202 });
      await until(async () => (await client.call('getRun', { params })).body.status !== 'cancelling');
      assert.deepEqual([...client.called].sort(), [...client.ids].sort());
    },
  };
}

async function dashboard(client: DocumentClient): Promise<void> {
  const { body } = await client.call('page', { headers: { accept: 'text/html' } });
  const name = /\/assets\/([^"]+\.js)/.exec(String(body))?.[1] ?? 'none';
  await client.call('asset', { params: { name } });
}

function run(text: string, mode: string) {
  return { agent_name: 'tester', input: [{ parts: [{ content: text }] }], mode };
}

async function endedRun(client: DocumentClient) {
  const { body } = await client.call('createRun', { body: run('Test it.', 'sync') });
  assert.equal(body.status, 'completed', JSON.stringify(body));
  const params = { run_id: body.run_id as string };
  for (const id of ['getRun', 'listRunEvents']) await client.call(id, { params });
  await client.call('getRunMessage', { params: { ...params, index: '1' } });
  for (const id of ['getSession', 'getSessionByOldPath']) {
    await client.call(id, { params: { session_id: body.session_id } });
  }
  const resume = { await_resume: { type: 'message', message: { parts: [] } } };
  await client.call('resumeRun', { params, body: resume, status: 403 });
  return body as { readonly run_id: string; readonly session_id: string };
}

async function standingRun(client: DocumentClient): Promise<string> {
  const { body } = await client.call('createRun', { body: run('Stay here.', 'async'), status: 202 });
  const params = { run_id: body.run_id as string };
  await until(async () => (await client.call('getRun', { params })).body.status === 'in-progress');
  return body.run_id;
}

/** @returns the id of an acknowledged message */
async function messages(client: DocumentClient, session_id: string): Promise<string> {
  const note = { session_id, to: '@outside', type: 'notification', body: 'Hello.' };
  const lease = { session_id, recipient: '@outside' };
  const received = async () => {
    await client.call('sendMessage', { body: note, status: 201 });
    const { body } = await client.call('leaseMessages', { body: lease });
    const { id, attempt } = body.messages[0] as { id: string; attempt: number };
    return { id, attempt, params: { id } };
  };
  const refused = await received();
  const nack = { attempt: refused.attempt, reason: 'No.', retry: false };
  await client.call('giveBackMessage', { params: refused.params, body: nack });
  const { id, attempt, params } = await received();
  await client.call('acknowledgeMessage', { params, body: { attempt } });
  await client.call('getMessage', { params });
  const { body } = await client.call('listMessages', { query: { session_id, state: 'acknowledged' } });
  assert.equal(body.messages[0].id, id);
  return id;
}

/** No agent has a request here. */
async function requests(client: DocumentClient): Promise<void> {
  const { body } = await client.call('listRequests', { query: { state: 'all' } });
  assert.deepEqual(body, { requests: [], next: null });
  const params = { id: noRequest };
  await client.call('getRequest', { params, status: 404 });
  await client.call('answerRequest', { params, body: { decision: 'allow' }, status: 404 });
}

/** A browser signs in by a link, and out. */
async function signIn(client: DocumentClient): Promise<void> {
  const { body } = await client.call('createSignInLink', { body: {}, status: 201 });
  const code = new URL(body.url).searchParams.get('code') ?? '';
  await client.call('signIn', { query: { code }, status: 303 });
  await client.call('signOut', { status: 204 });
}

/** An agent over ACP works in the project's own folder: it has no branch. */
async function sessions(client: DocumentClient, session_id: string): Promise<void> {
  const params = { session_id };
  const { body: page } = await client.call('listSessions', {
    query: { state: 'running', q: 'Stay', limit: '5' },
  });
  assert.equal(page.sessions[0].session_id, session_id);
  const { body } = await client.call('getSessionStatus', { params });
  assert.equal(body.agents[0].name, 'tester');
  await client.call('getEvidence', { params });
  await client.call('getSessionEvents', { params });
  await client.call('getSessionMessages', { params });
  const ofAgent = { ...params, agent: 'tester' };
  for (const id of ['getSessionAgent', 'getAgentSteps', 'getAgentOutput'])
    await client.call(id, { params: ofAgent });
  await client.call('getCheckOutput', { params: { ...ofAgent, check: 'last' }, status: 404 });
  await client.call('getDiff', { params, query: { agent: 'tester' }, status: 409 });
  await client.call('landSession', { params, body: { dry_run: true }, status: 409 });
  await client.call('getArtifact', { params: { ...params, path: 'results/none.md' }, status: 404 });
  await client.call('controlSession', { params, body: { action: 'pause', dry_run: true } });
  const plan = { objective: 'Try.', agents: [{ role: 'tester', task: 'Test.' }] };
  await client.call('startSession', { body: { plan, dry_run: true } });
  for (const id of ['listRoles', 'listBackends']) await client.call(id);
}

async function mcpSession(client: DocumentClient): Promise<string> {
  const opened = await client.open('mcpSend', { headers: { accept }, body: initialize });
  await opened.text();
  const headers = { accept, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const listed = await client.open('mcpSend', { headers, body: list });
  assert.match(await listed.text(), /"name":"orchestrate"/);
  await client.open('mcpListen', { headers }).then(({ body }) => body?.cancel());
  return headers['mcp-session-id'];
}

async function sseSession(client: DocumentClient) {
  const stream = await client.open('sseListen');
  const [id = ''] = /[^=]+$/.exec(await firstEvent(stream, 'stay')) ?? [];
  await client.call('sseSend', { query: { sessionId: id }, body: initialize, status: 202 });
  return { id, leave: async () => stream.body?.cancel() };
}

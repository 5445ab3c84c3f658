import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { InputRequestStore } from '../../src/application/ports/input-requests.ts';
import type { Lease } from '../../src/application/ports/ownership.ts';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import {
  type AgentId,
  type InputRequestId,
  makeInputRequestId,
  type SessionId,
} from '../../src/domain/ids.ts';
import {
  answerRequest,
  expireRequest,
  type InputRequest,
  type InputRequestDraft,
  openRequest,
} from '../../src/domain/input-request.ts';
import { settleAgent } from '../../src/domain/settle-agent.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import { makeIdSource } from '../../src/infrastructure/ids.ts';
import { at, created, instanceId, later, started } from '../infrastructure/sqlite/samples.ts';

const ids = makeIdSource();

export interface RequestBench<Store extends SessionStore> {
  readonly store: Store;
  readonly requests: InputRequestStore;
  readonly lease: Lease;
  readonly workflow: Workflow;
  readonly sessionId: SessionId;
  /** The agent that is running, in attempt 1. */
  readonly agentId: AgentId;
  readonly pending: AgentId;
  draft(more?: Partial<InputRequestDraft>): InputRequest;
  open(more?: Partial<InputRequestDraft>): InputRequest;
}

/** A session in the store whose first agent is running. */
export function requestBench<Store extends SessionStore>(store: Store): RequestBench<Store> {
  const planned = created();
  const change = started(planned);
  const lease = store.create(planned, instanceId());
  store.commit(lease, planned.next, change);
  const [agentId, pending] = change.next.agents.map(({ id }) => id) as [AgentId, AgentId];
  const { sessionId } = lease;
  const draft = (more: Partial<InputRequestDraft> = {}): InputRequest => {
    const id = makeInputRequestId(ids.ulid());
    return openRequest(
      {
        ...{ id, sessionId, agentId, attempt: 1, key: id, kind: 'permission', tool: 'Bash' },
        ...{ action: 'git push "ä" \u{1f600}', reason: 'It is done.', choices: [], expiresAt: later },
        ...more,
      },
      at,
    );
  };
  const open = (more?: Partial<InputRequestDraft>): InputRequest => store.inputRequests.open(draft(more), at);
  const { next: workflow } = change;
  return {
    ...{ store, requests: store.inputRequests, lease, workflow, sessionId, agentId, pending, draft, open },
  };
}

const allow = { kind: 'permission', decision: 'allow', message: null } as const;
const person = { type: 'person', front: 'cli' } as const;
const answer = (request: InputRequest): InputRequest => answerRequest(request, allow, person, later);

/** What the application requires of every store of requests. */
export function inputRequestStoreContract(open: (t: TestContext) => SessionStore): void {
  describe('the store of requests', () => {
    it('gives back what was stored, whole, through every state', (t) => {
      const bench = requestBench(open(t));
      const { requests } = bench;
      const question = bench.open({ kind: 'question', tool: null, reason: null, choices: ['a', 'b "c"'] });
      assert.deepEqual(requests.find(question.id), question);
      const text = { kind: 'question', text: 'Both.\n' } as const;
      const by = { type: 'agent', name: 'lead' } as const;
      const answered = requests.change(question.id, (found) => answerRequest(found, text, by, later), later);
      assert.deepEqual(answered, answerRequest(question, text, by, later));
      assert.deepEqual(requests.find(question.id), answered);
      const other = bench.open();
      assert.deepEqual(requests.find(other.id), other);
      requests.changeDue((found) => expireRequest(found, later), later, 9);
      assert.deepEqual(requests.find(other.id), expireRequest(other, later));
      const unknown = makeInputRequestId(ids.ulid());
      assert.equal(requests.find(unknown), null);
      assert.equal(requests.change(unknown, answer, later), null);
    });

    it('opens nothing twice under the key of an attempt', (t) => {
      const { store, requests, sessionId, draft } = requestBench(open(t));
      const first = requests.open(draft({ key: 'tool-1' }), at);
      const seq = store.lastSeq(sessionId);
      assert.deepEqual(requests.open(draft({ key: 'tool-1', action: 'rm -rf /' }), at), first);
      const answered = requests.change(first.id, answer, later);
      assert.deepEqual(requests.open(draft({ key: 'tool-1' }), later), answered);
      assert.equal(requests.list({ sessionId, limit: 9 }).length, 1);
      assert.equal(store.lastSeq(sessionId), seq + 1);
    });

    it('takes no request of an attempt that does not run', (t) => {
      const { store, requests, sessionId, pending, draft } = requestBench(open(t));
      const seq = store.lastSeq(sessionId);
      for (const strange of [{ attempt: 2 }, { agentId: pending }]) {
        assert.throws(() => requests.open(draft(strange), at), { code: 'INVALID_TRANSITION' });
      }
      assert.equal(store.lastSeq(sessionId), seq);
      assert.deepEqual(requests.list({ limit: 9 }), []);
    });

    it('stores every change with its event, and neither when the change is refused', (t) => {
      const bench = requestBench(open(t));
      const { store, requests, sessionId, agentId, draft } = bench;
      const before = store.lastSeq(sessionId);
      const { id } = bench.open();
      const late = bench.open();
      const deny = { ...allow, decision: 'deny' } as const;
      requests.change(id, answer, later);
      requests.change(id, answer, later);
      assert.throws(() => requests.change(id, (found) => answerRequest(found, deny, person, later), later), {
        code: 'INVALID_TRANSITION',
      });
      requests.changeDue((found) => expireRequest(found, later), later, 9);
      const ruled = requests.open(answerRequest(draft(), allow, { type: 'rule', rule: 'allow *' }, at), at);
      assert.deepEqual(
        store
          .events(sessionId, before, 10)
          .map(({ type, agentId: whose, data }) => [type, whose, 'id' in data && data.id]),
        [
          ['request.opened', agentId, id],
          ['request.opened', agentId, late.id],
          ['request.answered', agentId, id],
          ['request.expired', agentId, late.id],
          ['request.answered', agentId, ruled.id],
        ],
      );
    });

    it('lists newest first, by every filter, page by page', (t) => {
      const bench = requestBench(open(t));
      const { requests, sessionId, agentId, pending } = bench;
      const all = [bench.open(), bench.open(), bench.open()].map(({ id }) => id) as [
        InputRequestId,
        InputRequestId,
        InputRequestId,
      ];
      requests.change(all[1], answer, later);
      const list = (more: object): readonly number[] =>
        requests.list({ limit: 10, ...more }).map(({ id }) => all.indexOf(id));
      assert.deepEqual(list({}), [2, 1, 0]);
      assert.deepEqual(
        [list({ sessionId }), list({ limit: 1 }), list({ before: all[2] })],
        [[2, 1, 0], [2], [1, 0]],
      );
      assert.deepEqual([list({ state: 'open' }), list({ state: 'answered' })], [[2, 0], [1]]);
      assert.deepEqual(
        [list({ agentId, attempt: 1 }), list({ attempt: 2 }), list({ agentId: pending })],
        [[2, 1, 0], [], []],
      );
    });

    it('finds ids by their beginning and by their end', (t) => {
      const bench = requestBench(open(t));
      const { id } = bench.open();
      const find = (text: string): readonly InputRequestId[] => bench.requests.findByText(text, 9);
      for (const text of [
        id,
        id.slice(0, 12),
        id.slice(-6),
        id.slice(4),
        id.slice(-6).toLowerCase(),
        'req_',
      ]) {
        assert.deepEqual(find(text), [id], text);
      }
      for (const text of [`req_${id.slice(-6)}`, '%', 'x_y', 'sess_']) assert.deepEqual(find(text), [], text);
    });

    it('expires what is due, a batch at a time, and tells what is due next', (t) => {
      const bench = requestBench(open(t));
      const { requests, sessionId } = bench;
      assert.equal(requests.nextDue(sessionId), null);
      for (let i = 0; i < 3; i++) bench.open();
      const soon = bench.open({ expiresAt: '2026-03-01T10:00:01.000Z' });
      assert.equal(requests.nextDue(sessionId), soon.expiresAt);
      const expire = (when: string, max: number): number =>
        requests.changeDue((found) => expireRequest(found, when), when, max).length;
      assert.deepEqual([expire(at, 9), expire(soon.expiresAt, 9)], [0, 1]);
      assert.equal(requests.nextDue(sessionId), later);
      assert.deepEqual([expire(later, 2), expire(later, 2), expire(later, 2)], [2, 1, 0]);
      assert.equal(requests.nextDue(sessionId), null);
    });

    it('withdraws what an attempt asks when it ends, before the event of its end', (t) => {
      const bench = requestBench(open(t));
      const { store, requests, lease, workflow, sessionId, agentId } = bench;
      const done = bench.open();
      requests.change(done.id, answer, later);
      const { id } = bench.open();
      const before = store.lastSeq(sessionId);
      const outcome = { state: 'completed', result: 'Done.' } as const;
      const end = settleAgent(workflow, agentId, { outcome, usage: null, conversation: null }, later);
      store.commit(lease, workflow, end);
      assert.equal(requests.find(id)?.state, 'withdrawn');
      assert.equal(requests.find(done.id)?.state, 'answered');
      const types = store.events(sessionId, before, 10).map(({ type }) => type);
      assert.equal(types[0], 'request.withdrawn');
      assert.ok(types.includes('agent.completed'));
    });
  });
}

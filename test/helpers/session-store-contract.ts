import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LeaseLost } from '../../src/application/ports/ownership.ts';
import type { SessionSearch } from '../../src/application/ports/session-reader.ts';
import type { SessionStore } from '../../src/application/ports/session-store.ts';
import type { ArtifactRecord } from '../../src/application/ports/session-summary.ts';
import { agentStates, failureKinds, moveAgent } from '../../src/domain/agent.ts';
import { agentStages } from '../../src/domain/agent-stage.ts';
import { sessionEvent } from '../../src/domain/events.ts';
import { type AgentId, makeSessionId, type SessionId } from '../../src/domain/ids.ts';
import { moveSession } from '../../src/domain/session.ts';
import { pauseSession, startSession } from '../../src/domain/session-life.ts';
import { settleAgent } from '../../src/domain/settle-agent.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import {
  agentRequest,
  at,
  created,
  instanceId,
  later,
  sessionId,
  started,
} from '../infrastructure/sqlite/samples.ts';

const usage = {
  inputTokens: 11,
  outputTokens: 22,
  cacheReadTokens: 33,
  cacheWriteTokens: 44,
  turns: 5,
  costUsd: 0.0123,
};

/** What the application requires of every store of sessions: workflows, leases, requests and lookups. */
export function sessionStoreContract<Store extends SessionStore>(
  open: (t: TestContext) => Store,
  reopen: (t: TestContext, store: Store) => SessionStore,
): void {
  describe('the sessions that land the work of another', () => {
    it('are one at a time, and are found newest first when they have ended as well', (t) => {
      const store = open(t);
      const { sessionId: landed } = store.create(created(), instanceId());
      const landing = { sessionId: landed, target: 'main', squash: false };
      const first = created({ landing });
      const lease = store.create(first, instanceId());
      const second = created({ landing });
      assert.throws(() => reopen(t, store).create(second, instanceId()), {
        name: 'LandingTaken',
        by: lease.sessionId,
      });
      assert.deepEqual(store.landingsOf(landed), [lease.sessionId]);
      store.commit(lease, first.next, {
        next: { ...first.next, session: moveSession(first.next.session, 'cancelled', later) },
        events: [],
      });
      const { sessionId: next } = store.create(second, instanceId());
      assert.deepEqual(store.landingsOf(landed), [next, lease.sessionId]);
      assert.deepEqual(store.landingsOf(next), []);
    });
  });

  describe('a stored workflow', () => {
    it('comes back field by field, with every kind of role, command and dependency', (t) => {
      const store = open(t);
      const change = created({
        objective: 'Ünïcode 😀, "quotes", and\nlines',
        strategy: 'parallel',
        failurePolicy: 'fail_fast',
        onExit: 'keep',
        limits: { maxConcurrency: 7, maxAgentsPerRole: 2 },
        depth: 1,
        parent: null,
        folder: null,
        agents: [
          agentRequest({
            name: 'a',
            command: ['sh', '-c', 'printf "a\0b"'],
            backend: 'command',
            workspace: 'own',
          }),
          agentRequest({ name: 'b', command: 'make | tee log', backend: 'command', dependsOn: ['a'] }),
          agentRequest({
            name: 'c',
            role: {
              name: 'poet',
              custom: { description: 'Writes verse', responsibilities: ['rhyme', 'metre'] },
            },
            model: 'opus',
            instanceSuffix: 'best',
            timeoutMs: 61_000,
            maxMemoryMb: 512,
            dependsOn: ['b', 'a'],
          }),
          agentRequest({
            name: 'd',
            role: { name: 'mime', custom: { description: '', responsibilities: [] } },
          }),
        ],
      });
      const lease = store.create(change, instanceId());
      assert.equal(lease.epoch, 1);
      assert.deepEqual(store.load(lease.sessionId), change.next);
    });

    it('keeps every outcome of agents and every pause', (t) => {
      const store = open(t);
      const agents = failureKinds.map((_, index) => agentRequest({ name: `agent-${index}` }));
      const change = created({ strategy: 'parallel', agents });
      const lease = store.create(change, instanceId());
      const running = startSession(change.next, at);
      const paused = pauseSession(running.next, { reason: 'quota', resumeAt: later }, later);
      const ended: Workflow = {
        ...paused.next,
        agents: paused.next.agents.map((agent, index) => {
          const kind = failureKinds[index];
          if (kind === undefined) throw new Error('one agent for each kind');
          const outcome = {
            failure: { kind, message: `because ${kind}`, stderrTail: 'line 1\nline 2' },
            usage,
          };
          return moveAgent(moveAgent(agent, 'running', at), 'failed', later, {
            ...outcome,
            result: `result ${index}`,
          });
        }),
        phases: [{ index: 0, state: 'failed' }],
      };
      store.commit(lease, change.next, { next: ended, events: [] });
      assert.deepEqual(store.load(lease.sessionId), ended);

      const flatRate: Workflow = {
        ...ended,
        session: { ...ended.session, pauseReason: 'interrupted', resumeAt: null },
        agents: ended.agents.map((agent, index) => {
          const state = agentStates[index % agentStates.length];
          if (state === undefined) throw new Error('there are states');
          return {
            ...agent,
            state,
            stage: state === 'running' ? (agentStages[index % agentStages.length] ?? null) : null,
            failure: null,
            conversation: `c${index}`,
            usage: { ...usage, costUsd: null },
          };
        }),
      };
      store.commit(lease, ended, { next: flatRate, events: [] });
      assert.deepEqual(store.load(lease.sessionId), flatRate);
    });

    it('takes agents and dependencies that a later plan adds', (t) => {
      const store = open(t);
      const change = created();
      const lease = store.create(change, instanceId());
      const [first, second, third] = change.next.agents;
      if (first === undefined || second === undefined || third === undefined) throw new Error('three agents');
      const fourth = {
        ...third,
        id: 'agent_qa_9_zzzzzz' as AgentId,
        name: 'fourth',
        phase: 3,
        dependsOn: [first.id],
      };
      const next: Workflow = {
        ...change.next,
        agents: [first, { ...second, dependsOn: [] }, third, fourth],
        phases: [...change.next.phases, { index: 3, state: 'planned' }],
      };
      store.commit(lease, change.next, { next, events: [] });
      assert.deepEqual(store.load(lease.sessionId), next);
    });

    it('is not stored at all when a part of it is refused', (t) => {
      const store = open(t);
      const first = created();
      store.create(first, instanceId());
      const second = created();
      const taken = first.next.agents[0]?.id as AgentId;
      const clash = {
        ...second.next,
        agents: second.next.agents.map((agent, i) => (i === 2 ? { ...agent, id: taken } : agent)),
      };
      assert.throws(() => store.create({ next: clash, events: second.events }, instanceId()), {
        name: 'AgentIdTaken',
        message: new RegExp(`${taken} is taken by session ${first.next.session.id}`),
      });
      assert.throws(() => store.load(second.next.session.id), { code: 'SESSION_NOT_FOUND' });
      assert.throws(() => store.create(first, instanceId()), { name: 'AgentIdTaken' });
      assert.equal(store.list({ limit: 10 }).length, 1);
    });

    it('is refused when it mixes sessions', (t) => {
      const store = open(t);
      const change = created();
      const lease = store.create(change, instanceId());
      const stray = sessionEvent('session.started', sessionId(), at, {});
      assert.throws(() => store.commit(lease, change.next, { next: change.next, events: [stray] }), {
        code: 'INTERNAL',
      });
      assert.equal(store.lastSeq(lease.sessionId), 1);
    });
  });

  describe('the lease', () => {
    it('fences a commit off once another instance owns the session: nothing is stored', (t) => {
      const store = open(t);
      const change = created();
      const first = instanceId();
      const second = instanceId();
      const lease = store.create(change, first);
      const won = store.acquire(lease.sessionId, second, {
        staleBefore: '2000-01-01T00:00:00.000Z',
        knownDead: first,
      });
      assert.deepEqual(won, { sessionId: lease.sessionId, owner: second, epoch: 2 });
      assert.throws(
        () => store.commit(lease, change.next, started(change)),
        (error) => error instanceof LeaseLost && error.sessionId === lease.sessionId,
      );
      assert.deepEqual(store.load(lease.sessionId), change.next);
      assert.equal(store.lastSeq(lease.sessionId), 1);
      store.release(lease);
      assert.equal(store.ownerOf(lease.sessionId), second, 'a lost lease releases nothing');
      assert.equal(store.commit({ ...lease, ...won }, change.next, started(change)).length, 3);
    });

    it('fences off the same instance in an earlier epoch', (t) => {
      const store = open(t);
      const owner = instanceId();
      const change = created();
      const lease = store.create(change, owner);
      store.release(lease);
      assert.equal(store.ownerOf(lease.sessionId), null);
      assert.throws(() => store.commit(lease, change.next, started(change)), LeaseLost);
      assert.equal(store.acquire(lease.sessionId, owner, { staleBefore: at })?.epoch, 2);
      assert.throws(() => store.commit(lease, change.next, started(change)), LeaseLost);
    });

    it('tells of an ended session until its owner has let go of it, as that may die over its files', (t) => {
      const store = open(t);
      const owner = instanceId();
      const change = created({ agents: [agentRequest()] });
      const lease = store.create(change, owner);
      const session = { ...change.next.session, state: 'cancelled', endedAt: later } as const;
      store.commit(lease, change.next, { next: { ...change.next, session }, events: [] });
      assert.deepEqual(
        store.unfinished().map(({ sessionId, state }) => [sessionId, state]),
        [[lease.sessionId, 'cancelled']],
      );
      store.release(lease);
      assert.deepEqual(store.unfinished(), []);
    });

    it('tells which sessions still need an owner', (t) => {
      const store = open(t);
      const owner = instanceId();
      const [waiting, running, paused] = [created(), created(), created()];
      const leases = [waiting, running, paused].map((change) => store.create(change, owner));
      store.commit(leases[1] as (typeof leases)[0], running.next, started(running));
      const going = startSession(paused.next, at).next;
      const halted = pauseSession(going, { reason: 'user' }, later);
      store.commit(leases[2] as (typeof leases)[0], paused.next, halted);
      store.release(leases[0] as (typeof leases)[0]);
      const beat = '2026-03-01T10:01:00.000Z';
      assert.deepEqual(
        store.heartbeat(owner, beat),
        leases.slice(1),
        'a beat tells which leases are still held',
      );
      assert.deepEqual(store.unfinished(), [
        {
          sessionId: waiting.next.session.id,
          state: 'created',
          owner: null,
          heartbeatAt: null,
          ownerIsExiting: false,
          mustStop: false,
        },
        {
          sessionId: running.next.session.id,
          state: 'running',
          owner,
          heartbeatAt: beat,
          ownerIsExiting: false,
          mustStop: false,
        },
      ]);
    });

    it('tells whose owner is exiting; which ones have to stop, it tells also when they have another owner', (t) => {
      const store = open(t);
      const [owner, next] = [instanceId(), instanceId()];
      const stop = store.create(created({ onExit: 'stop' }), owner).sessionId;
      const keep = store.create(created({ onExit: 'keep' }), owner).sessionId;
      const other = store.create(created({ onExit: 'stop' }), instanceId()).sessionId;
      const marks = () =>
        Object.fromEntries(
          store
            .unfinished()
            .map(({ sessionId, ownerIsExiting, mustStop }) => [sessionId, { ownerIsExiting, mustStop }]),
        );
      store.announceExit(owner);
      assert.deepEqual(marks(), {
        [stop]: { ownerIsExiting: true, mustStop: true },
        [keep]: { ownerIsExiting: true, mustStop: false },
        [other]: { ownerIsExiting: false, mustStop: false },
      });
      store.heartbeat(owner, later);
      assert.equal(marks()[keep]?.ownerIsExiting, true, 'a last beat takes nothing back');
      for (const id of [stop, keep]) store.acquire(id, next, { staleBefore: at, knownDead: owner });
      assert.deepEqual(marks(), {
        [stop]: { ownerIsExiting: false, mustStop: true },
        [keep]: { ownerIsExiting: false, mustStop: false },
        [other]: { ownerIsExiting: false, mustStop: false },
      });
    });
  });

  describe('a request', () => {
    it('reaches the owner once, with its event, and is forgotten when the session ends', (t) => {
      const store = open(t);
      const other = reopen(t, store);
      const owner = instanceId();
      const change = created({ agents: [agentRequest()] });
      const lease = store.create(change, owner);
      const running = started(change);
      store.commit(lease, change.next, running);
      const seen = store.dataVersion();
      assert.equal(store.dataVersion(), seen, 'its own commits are no news');
      const request = {
        sessionId: lease.sessionId,
        agentId: null,
        desired: 'cancelled',
        reason: 'changed my mind',
      } as const;
      other.request(request, 'someone', later);
      assert.notEqual(store.dataVersion(), seen);
      assert.deepEqual(store.requestsFor(owner), [request]);
      assert.deepEqual(store.requestsFor(instanceId()), []);
      const before = store.dataVersion();
      store.request(request, 'somebody else', later);
      assert.notEqual(store.dataVersion(), before, 'a request made here is news too');
      const events = store.events(lease.sessionId, 4, 10);
      assert.deepEqual(
        events.map(({ seq, type, data }) => ({ seq, type, data })),
        [
          {
            seq: 5,
            type: 'session.requested',
            data: { action: 'cancel', agent: null, by: 'someone', reason: 'changed my mind' },
          },
        ],
      );
      assert.deepEqual(store.events(lease.sessionId, 0, 1, ['session.requested', 'session.paused']), [
        events[0],
      ]);
      assert.deepEqual(store.events(lease.sessionId, 5, 1, ['session.requested']), []);
      const agent = running.next.agents[0];
      if (agent === undefined) throw new Error('one agent');
      const failure = { kind: 'exit_code', message: 'status 1', stderrTail: '' } as const;
      const report = {
        outcome: { state: 'failed', failure, result: null },
        usage: null,
        conversation: null,
      } as const;
      const settled = settleAgent(running.next, agent.id, report, later);
      const next = {
        ...settled.next,
        session: { ...settled.next.session, state: 'failed', endedAt: later },
      } as const;
      store.commit(lease, running.next, { next, events: settled.events });
      assert.deepEqual(store.requestsFor(owner), []);
      const seq = store.lastSeq(lease.sessionId);
      assert.throws(() => store.request(request, 'someone', later), {
        code: 'INVALID_TRANSITION',
        message: /has already failed: .*cancel/,
      });
      assert.equal(store.lastSeq(lease.sessionId), seq);
      assert.throws(() => store.request({ ...request, sessionId: sessionId() }, 'someone', later), {
        code: 'SESSION_NOT_FOUND',
      });
    });
  });

  describe('the event log', () => {
    it('starts empty for a session nobody knows', (t) => {
      const store = open(t);
      assert.equal(store.lastSeq(sessionId()), 0);
      assert.deepEqual(store.events(sessionId(), 0, 10), []);
    });
  });

  describe('lists', () => {
    it('come newest first, page by page, by state, with progress and usage', (t) => {
      const store = open(t);
      const owner = instanceId();
      const changes = Array.from({ length: 7 }, () => created());
      const leases = changes.map((change) => store.create(change, owner));
      const ids = changes.map(({ next }) => next.session.id).reverse();
      const page = (before?: (typeof ids)[0]) =>
        store
          .list({ limit: 3, ...(before === undefined ? {} : { before }) })
          .map(({ session }) => session.id);
      assert.deepEqual(page(), ids.slice(0, 3));
      assert.deepEqual(page(ids[2]), ids.slice(3, 6));
      assert.deepEqual(page(ids[5]), ids.slice(6));
      assert.deepEqual(page(ids[6]), []);

      const [change, lease] = [changes[2], leases[2]];
      if (change === undefined || lease === undefined) throw new Error('seven sessions');
      const { next, events } = started(change);
      const agents = next.agents.map((agent, index) =>
        index === 2 ? agent : { ...agent, usage: { ...usage, costUsd: index === 0 ? usage.costUsd : null } },
      );
      store.commit(lease, change.next, { next: { ...next, agents }, events });
      const summary = {
        session: next.session,
        progress: { total: 3, pending: 2, running: 1, completed: 0, failed: 0, cancelled: 0, resumable: 0 },
        usage: {
          inputTokens: 22,
          outputTokens: 44,
          cacheReadTokens: 66,
          cacheWriteTokens: 88,
          turns: 10,
          costUsd: 0.0123,
        },
      };
      assert.deepEqual(store.list({ state: 'running', limit: 10 }), [summary]);
      assert.deepEqual(store.summary(lease.sessionId), summary);
      assert.equal(store.list({ state: 'created', limit: 10 }).length, 6);
      assert.deepEqual(
        store.list({ state: 'created', limit: 1, before: lease.sessionId }).map(({ session }) => session.id),
        [ids[5]],
      );
      assert.deepEqual(store.list({ state: 'failed', limit: 10 }), []);
      assert.equal(store.summary(ids[6] as (typeof ids)[0]).usage, null);
      assert.throws(() => store.summary(sessionId()), { code: 'SESSION_NOT_FOUND' });
    });

    it('are searched by id, newest first, with a part of the objective or the id, and by state', (t) => {
      const store = open(t);
      const made = ['Fix the login.', 'Write 100 % of the docs.', 'FIX the docs_and more.', 'Über alles'].map(
        (objective) => {
          const change = created();
          const session = { ...change.next.session, objective };
          return { ...change, next: { ...change.next, session } };
        },
      );
      for (const change of made.toReversed()) store.create(change, instanceId());
      const ids = made.map(({ next }) => next.session.id);
      const found = (query: Partial<SessionSearch>) =>
        store.search({ limit: 9, ...query }).map(({ session }) => ids.indexOf(session.id));
      assert.deepEqual(found({}), [3, 2, 1, 0]);
      assert.deepEqual(found({ limit: 2 }), [3, 2]);
      assert.deepEqual(found({ before: ids[2] as SessionId }), [1, 0]);
      assert.deepEqual(found({ text: 'fix' }), [2, 0]);
      assert.deepEqual(found({ text: '%' }), [1]);
      assert.deepEqual(found({ text: 's_a' }), [2]);
      assert.deepEqual(found({ text: 'Über' }), [3]);
      assert.deepEqual(found({ text: ids[1]?.slice(-8).toLowerCase() ?? '' }), [1]);
      assert.deepEqual(found({ text: 'nothing like it' }), []);
      assert.deepEqual(found({ state: 'created', text: 'docs', before: ids[2] as SessionId }), [1]);
      assert.deepEqual(found({ state: 'failed' }), []);
    });

    it('begin with what was stored last, also after the clock was set back, and go on after one that was removed', (t) => {
      const store = open(t);
      const owner = instanceId();
      const made = Array.from({ length: 4 }, () => created());
      const ids = made.map(({ next }) => next.session.id);
      const listed = (query: { before?: (typeof ids)[0]; state?: 'created' } = {}) =>
        store.list({ limit: 9, ...query }).map(({ session }) => session.id);
      for (const index of [2, 3, 0, 1]) store.create(made[index] as (typeof made)[0], owner);
      const expected = [1, 0, 3, 2].map((index) => ids[index]);
      assert.deepEqual(listed(), expected);
      assert.deepEqual(listed({ state: 'created' }), expected);
      assert.deepEqual(listed({ before: ids[0] as (typeof ids)[0] }), expected.slice(2));
      assert.ok(listed({ before: sessionId() }).length > 0);
    });
  });

  describe('finding by a part of an id', () => {
    const ulids = ['01K0AAAAAAAAAAAAAAAAAAAAA1', '01K0BBBBBBBBBBBBBBBBBBBB01', '01K1CCCCCCCCCCCCCCCCCCCC02'];
    const [a, b, c] = ulids.map(makeSessionId);

    it('takes a prefix or a suffix of a session, newest first, in any case', (t) => {
      const store = open(t);
      for (const id of [a, b, c]) store.create(created({}, id), instanceId());
      const found = (text: string, limit = 10) => store.findSessions(text, limit);
      assert.deepEqual(found('sess_01K0'), [b, a]);
      assert.deepEqual(found('01K0'), [b, a]);
      assert.deepEqual(found('01k0b'), [b]);
      assert.deepEqual(found('SESS_01k1'), [c]);
      assert.deepEqual(found('BBB01'), [b]);
      assert.deepEqual(found('A1'), [a]);
      assert.deepEqual(found('01'), [c, b, a], 'two begin, one also ends with it');
      assert.deepEqual(found('01', 2), [c, b]);
      assert.deepEqual(found('', 1), [c]);
      assert.deepEqual(found(c as string), [c]);
      assert.deepEqual(found('CCC'), [], 'the middle is neither');
      assert.deepEqual(found('sess_BBB01'), [], 'an id with its prefix is looked for from its start');
      for (const pattern of ['%', '_', '01K_', '01K0%', '*', '?', '[0-9]', "' OR 1=1 --", '\0', '~']) {
        assert.deepEqual(found(pattern), [], `${pattern} is not a pattern`);
      }
    });

    it('takes a prefix or a suffix of an agent, and an id in full for itself alone', (t) => {
      const store = open(t);
      const twins = created({
        agents: [agentRequest({ role: { name: 'qa', custom: null } }), agentRequest()],
      });
      const [qa, engineer] = twins.next.agents;
      if (qa === undefined || engineer === undefined) throw new Error('two agents');
      store.create(twins, instanceId());
      const role = { name: qa.id.slice('agent_'.length), custom: null };
      const longer = created({ agents: [agentRequest({ role })] });
      store.create(longer, instanceId());
      const found = (text: string) => store.findAgents(text, 10).map(({ agentId }) => agentId);
      assert.deepEqual(found('agent_qa_1'), [longer.next.agents[0]?.id, qa.id]);
      assert.deepEqual(store.findAgents(qa.id, 10), [{ sessionId: twins.next.session.id, agentId: qa.id }]);
      assert.deepEqual(found('Backend_Engineer'), [engineer.id]);
      assert.deepEqual(found(engineer.id.slice(-6)), [engineer.id]);
      assert.deepEqual(found(`agent_${engineer.id.slice(-6)}`), []);
      assert.deepEqual(found('backend%'), []);
      assert.deepEqual(found('backend?engineer'), []);
      assert.deepEqual(found('backendxengineer'), [], "'_' stands for itself");
    });
  });

  describe('artifacts', () => {
    it('show the newest record of each path, by path', (t) => {
      const store = open(t);
      const change = created();
      const lease = store.create(change, instanceId());
      const by = change.next.agents[0]?.id ?? null;
      const record = (
        path: string,
        sizeBytes: number,
        overrides: Partial<ArtifactRecord> = {},
      ): ArtifactRecord => ({
        path,
        sizeBytes,
        sha256: String(sizeBytes).padStart(64, '0'),
        by,
        candidates: ['backend_engineer_1'],
        recordedAt: later,
        ...overrides,
      });
      const none = { next: change.next, events: [] };
      const shared = record('shared/context/b.md', 3, { by: null, candidates: ['qa', 'backend_engineer_1'] });
      store.commit(lease, change.next, none, [record('results/qa/ä.md', 1), shared]);
      store.commit(lease, change.next, none, [record('results/qa/ä.md', 2), record('results/qa/ä.md', 9)]);
      store.commit(lease, change.next, none, [record('results/qa/ä.md', 4)]);
      assert.deepEqual(store.artifacts(lease.sessionId), [record('results/qa/ä.md', 4), shared]);
      assert.deepEqual(store.artifacts(sessionId()), []);
    });
  });
}

import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { LeaseLost } from '../../../src/application/ports/ownership.ts';
import { agentStates, failureKinds, moveAgent } from '../../../src/domain/agent.ts';
import { agentStages } from '../../../src/domain/agent-stage.ts';
import { sessionEvent } from '../../../src/domain/events.ts';
import type { AgentId } from '../../../src/domain/ids.ts';
import { pauseSession, settleAgent, startSession, type Workflow } from '../../../src/domain/workflow.ts';
import { openSessionStore, readProjectOf } from '../../../src/infrastructure/sqlite/session-store.ts';
import {
  agentRequest,
  at,
  created,
  instanceId,
  later,
  project,
  sessionId,
  started,
  tempFolder,
  tempStore,
} from './samples.ts';

const usage = {
  inputTokens: 11,
  outputTokens: 22,
  cacheReadTokens: 33,
  cacheWriteTokens: 44,
  turns: 5,
  costUsd: 0.0123,
};

describe('a stored workflow', () => {
  it('comes back field by field, with every kind of role, command and dependency', (t) => {
    const store = tempStore(t);
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
    const store = tempStore(t);
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

  it('replaces NUL, which text in SQLite does not survive on every supported Node', (t) => {
    const store = tempStore(t);
    const change = created({ objective: 'before\0after' });
    const { sessionId } = store.create(change, instanceId());
    assert.equal(store.load(sessionId).session.objective, 'before\uFFFDafter');
    assert.equal(store.events(sessionId, 0, 1)[0]?.data['objective' as never], 'before\0after');
  });

  it('takes agents and dependencies that a later plan adds', (t) => {
    const store = tempStore(t);
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
    const store = tempStore(t);
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
    const store = tempStore(t);
    const change = created();
    const lease = store.create(change, instanceId());
    const stray = sessionEvent('session.started', sessionId(), at, {});
    assert.throws(() => store.commit(lease, change.next, { next: change.next, events: [stray] }), {
      code: 'INTERNAL',
    });
    assert.equal(store.lastSeq(lease.sessionId), 1);
  });

  it('is there for the next process to open the file, whose mode is 0600 in a folder of 0700', (t) => {
    const file = join(tempFolder(t), 'projects', 'hash', 'project.db');
    const change = created();
    const first = openSessionStore({ file, project });
    const { sessionId } = first.create(change, instanceId());
    const modes = [dirname(dirname(file)), dirname(file), file, `${file}-wal`, `${file}-shm`];
    assert.deepEqual(
      modes.map((path) => (statSync(path).mode & 0o777).toString(8)),
      ['700', '700', '600', '600', '600'],
    );
    first.close();
    first.close();
    assert.throws(() => first.load(sessionId), { code: 'INTERNAL', message: /after it was closed/ });
    const second = tempStore(t, file);
    assert.deepEqual(second.load(sessionId), change.next);
  });
});

describe('the project a file belongs to', () => {
  it('can be read without opening the store, from the first session on', (t) => {
    const store = tempStore(t);
    assert.equal(readProjectOf(store.file), null);
    store.create(created(), instanceId());
    assert.equal(readProjectOf(store.file), project.path);
    const missing = join(dirname(store.file), 'missing.db');
    assert.throws(() => readProjectOf(missing), { code: 'FORBIDDEN' });
    assert.equal(existsSync(missing), false);
  });
});

describe('the lease', () => {
  it('fences a commit off once another instance owns the session: nothing is stored', (t) => {
    const store = tempStore(t);
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
    const store = tempStore(t);
    const owner = instanceId();
    const change = created();
    const lease = store.create(change, owner);
    store.release(lease);
    assert.equal(store.ownerOf(lease.sessionId), null);
    assert.throws(() => store.commit(lease, change.next, started(change)), LeaseLost);
    assert.equal(store.acquire(lease.sessionId, owner, { staleBefore: at })?.epoch, 2);
    assert.throws(() => store.commit(lease, change.next, started(change)), LeaseLost);
  });

  it('changes hands when nobody holds it, its owner is silent for too long, or is known to be dead', (t) => {
    let now = '2026-03-01T10:00:00.000Z';
    const file = join(tempFolder(t), 'project.db');
    const store = openSessionStore({ file, project, clock: { now: () => now } });
    t.after(() => store.close());
    const [a, b] = [instanceId(), instanceId()];
    const { sessionId: id } = store.create(created(), a);
    assert.equal(
      store.acquire(id, b, { staleBefore: '2026-03-01T10:00:00.000Z' }),
      null,
      'fresh to the millisecond',
    );
    assert.equal(
      store.acquire(id, a, { staleBefore: '2026-03-01T09:00:00.000Z' }),
      null,
      'not from itself either',
    );
    assert.equal(store.acquire(id, b, { staleBefore: now, knownDead: b }), null, 'another one is dead');
    store.heartbeat(a, '2026-03-01T10:00:30.000Z');
    assert.equal(store.acquire(id, b, { staleBefore: '2026-03-01T10:00:20.000Z' }), null);
    now = '2026-03-01T10:00:50.000Z';
    const lease = store.acquire(id, b, { staleBefore: '2026-03-01T10:00:40.000Z' });
    assert.equal(lease?.epoch, 2);
    assert.equal(store.ownerOf(id), b);
    assert.equal(
      store.acquire(id, a, { staleBefore: '2026-03-01T10:00:45.000Z' }),
      null,
      'acquiring is a heartbeat',
    );
    assert.throws(() => store.acquire(sessionId(), a, { staleBefore: now }), { code: 'SESSION_NOT_FOUND' });
    assert.throws(() => store.ownerOf(sessionId()), { code: 'SESSION_NOT_FOUND' });
    const db = new DatabaseSync(file, { readOnly: true });
    t.after(() => db.close());
    assert.deepEqual(
      db
        .prepare('SELECT instance_id FROM owners')
        .all()
        .map((row) => row.instance_id),
      [b],
    );
  });

  it('tells of an ended session until its owner has let go of it, as that may die over its files', (t) => {
    const store = tempStore(t);
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
    const store = tempStore(t);
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
        exiting: false,
      },
      { sessionId: running.next.session.id, state: 'running', owner, heartbeatAt: beat, exiting: false },
    ]);
  });
});

describe('a request', () => {
  it('reaches the owner once, with its event, and is forgotten when the session ends', (t) => {
    const store = tempStore(t);
    const other = tempStore(t, store.file);
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
      message: /is already failed: .*cancel/,
    });
    assert.equal(store.lastSeq(lease.sessionId), seq);
    assert.throws(() => store.request({ ...request, sessionId: sessionId() }, 'someone', later), {
      code: 'SESSION_NOT_FOUND',
    });
  });
});

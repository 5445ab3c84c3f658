import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DomainEvent, type EventData, type EventType, eventTypes } from '../../../src/domain/events.ts';
import { makeMessageId } from '../../../src/domain/ids.ts';
import type { CheckReport } from '../../../src/domain/verification.ts';
import {
  describeEvent,
  eventLine,
  isHidden,
  subjectOf,
} from '../../../src/presentation/contracts/event-lines.ts';
import { agent, sessionId, time, usage } from '../cli/samples.ts';

const { id } = agent('builder');
const messageId = makeMessageId('01K0ABCDEFGHJKMNPQRSTVWXYZ');

function event<T extends EventType>(type: T, data: EventData[T], agentId: DomainEvent['agentId'] = null) {
  return { type, sessionId, agentId, at: time(0), data } as DomainEvent;
}

const commit = 'a'.repeat(40);

function report(end: { readonly exitCode: number }): CheckReport {
  return {
    ...{ check: 2, command: 'npm test', commit, signal: null, reason: null, restored: [], ...end },
    ...{ startedAt: '2026-03-01T10:00:00.000Z', endedAt: '2026-03-01T10:00:01.000Z' },
    ...{ logSha256: '0'.repeat(64), logBytes: 8 },
  };
}

describe('an event in a few words', () => {
  const cases: [event: DomainEvent, text: string][] = [
    [
      event('session.failed', { completed: 2, failed: 1, cancelled: 3 }),
      'failed: 2 completed, 1 failed, 3 cancelled',
    ],
    [event('session.paused', { reason: 'quota', resumeAt: time(60) }), `paused (quota) until ${time(60)}`],
    [
      event('agent.waiting', { name: 'a', cause: 'session_limit', limit: null }),
      'waiting: limit of the session reached',
    ],
    [
      event('agent.waiting', { name: 'a', cause: 'machine_limit', limit: 4 }),
      'waiting: limit of this machine reached (4 agents)',
    ],
    [
      event('agent.started', { name: 'a', role: 'qa', backend: 'claude', attempt: 2 }),
      'started (qa, claude), attempt 2',
    ],
    [
      event('agent.answered', { name: 'a', background: ['Build', 'Serve'], until: time(60) }),
      `result given, background work: Build, Serve; MAOS ends them at ${time(60)}`,
    ],
    [
      event('agent.answered', { name: 'a', background: [], until: null }),
      'result given, processes still running',
    ],
    [
      event('session.degraded', { part: 'checkpoints', reason: 'no room' }),
      'checkpoints failing, retrying: no room',
    ],
    [event('session.restored', { part: 'slots' }), 'slots working again'],
    [event('agent.reached', { name: 'a' }), 'reachable again'],
    [event('agent.reached', { name: 'a', note: 'of old' }), 'followed again: of old'],
    [
      event('agent.reported_late', { name: 'a', attempt: 2, fact: 'ended', said: 'has ended with status 0' }),
      'attempt 2, which was lost, has ended with status 0; this changes nothing',
    ],
    [event('agent.went_on', { name: 'a' }), 'continuing after its result'],
    [
      event('agent.stopped', {
        ...{ name: 'a', signals: ['SIGTERM'], survivors: 0, tookMs: 20 },
        processes: ['sleep 60 (17)', 'node server.js (18)'],
      }),
      'stopped in 0.0s (SIGTERM), 0 processes left; ended: sleep 60 (17), node server.js (18)',
    ],
    [
      event('agent.spawned', {
        ...{ name: 'a', attempt: 1 },
        where: { kind: 'remote', label: 'gpu-1, job 7', data: { job: 7 } },
      }),
      'running as gpu-1, job 7',
    ],
    [
      event('agent.stage_changed', { name: 'a', stage: 'collecting', previous: 'executing' }),
      'collecting its files',
    ],
    [
      event('agent.completed', { name: 'a', durationMs: 1_234, result: 'Done.\n- x\n', usage }),
      'completed in 1.2s, 12.3k tokens, $0.25: Done.',
    ],
    [
      event('agent.completed', { name: 'a', durationMs: 1_234, result: 'x\n12 tests pass\n', usage: null }),
      'completed in 1.2s: 12 tests pass',
    ],
    [
      event('agent.completed', {
        ...{ name: 'a', durationMs: 1_234, result: '\nThe page is built.\n\n- a\n', usage: null },
        isProgram: false,
      }),
      'completed in 1.2s: The page is built.',
    ],
    [
      event('agent.failed', {
        name: 'a',
        durationMs: 500,
        kind: 'exit_code',
        message: 'It exited.',
        usage: null,
      }),
      'failed after 0.5s: exit_code: It exited.',
    ],
    [
      event('agent.stopped', { name: 'a', signals: ['SIGTERM', 'SIGKILL'], survivors: 0, tookMs: 1_500 }),
      'stopped in 1.5s (SIGTERM, SIGKILL), 0 processes left',
    ],
    [
      event('artifact.recorded', {
        path: 'results/x',
        sizeBytes: 1,
        sha256: '',
        by: null,
        candidates: ['a', 'b'],
      }),
      'wrote results/x (one of a, b)',
    ],
    [event('agent.progressed', { name: 'a', activity: '\u001b[2J\u001b[Hhidden', usage: null }), 'hidden'],
    [
      event('message.queued', {
        id: messageId,
        type: 'request',
        from: null,
        subject: 'Ports',
        attempt: 1,
        availableAt: '2026-03-01T10:00:01.000Z',
        reason: 'Busy.',
      }),
      `request ${messageId} "Ports" queued again: Busy.`,
    ],
    [
      event('message.delivered', { id: messageId, attempt: 2, leaseUntil: '2026-03-01T10:00:01.000Z' }),
      `message ${messageId} delivered, attempt 2`,
    ],
    [
      event('message.delivered', { id: messageId, attempt: 1, leaseUntil: null, via: 'live' }),
      `message ${messageId} delivered while its recipient works`,
    ],
    [
      event('message.expired', { id: messageId, expiresAt: '2026-03-01T10:00:01.000Z' }),
      `message ${messageId} expired: not delivered by 2026-03-01T10:00:01.000Z`,
    ],
    [
      event('message.dead', { id: messageId, attempt: 3, reason: 'Busy.' }),
      `message ${messageId} dead: Busy.`,
    ],
    [
      event('paths.claimed', {
        paths: ['src', 'a\u202eb'],
        reason: 'the login',
        until: '2026-03-01T11:00:00.000Z',
      }),
      'claimed src, a\\u202eb until 2026-03-01T11:00:00.000Z: the login',
    ],
    [
      event('paths.released', { paths: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }),
      'released a, b, c, d, e and 2 more',
    ],
    [
      event('paths.crossed', {
        path: 'src/a.ts',
        claimed: 'src',
        by: 'ada',
        until: '2026-03-01T11:00:00.000Z',
      }),
      'edits src/a.ts (as src), which ada has claimed until 2026-03-01T11:00:00.000Z',
    ],
    [
      event('workspace.prepared', { name: 'a', branch: 'maos/s/a', base: commit }),
      'works on branch maos/s/a, from aaaaaaaaaa',
    ],
    [
      event('workspace.conflict', { name: 'c', paths: ['a\u202e.ts', 'b.ts'], between: ['a', 'b'] }),
      'the work of a and b conflicts in 2 files: a\\u202e.ts, b.ts',
    ],
    [
      event('work.committed', {
        ...{ name: 'a', commit, branch: 'maos/s/a' },
        diff: { files: 1, insertions: 2, deletions: 3 },
      }),
      'committed aaaaaaaaaa on maos/s/a: 1 file changed, +2 -3',
    ],
    [
      event('landing.joined', {
        ...{ name: 'a', branch: 'maos/s/a', base: 'b'.repeat(40), commit: 'c'.repeat(40) },
        diff: { files: 1, insertions: 2, deletions: 3 },
      }),
      'merges cleanly with bbbbbbbbbb, at cccccccccc',
    ],
    [
      event('agent.finished', { name: 'a', durationMs: 1_234, result: 'Done.', usage }),
      'finished in 1.2s, 12.3k tokens, $0.25; its work is checked next',
    ],
    [
      event('verify.started', {
        ...{ name: 'a', check: 2, command: 'npm test\nrm -r x', commit, round: 0 },
        restored: ['test/a.ts'],
      }),
      'check 2 on aaaaaaaaaa: npm test\\nrm -r x, with protected files as they were before: test/a.ts',
    ],
    [
      event('verify.passed', { name: 'a', report: report({ exitCode: 0 }) }),
      'check 2 passed in 1.0s: npm test',
    ],
    [
      event('verify.failed', { name: 'a', report: report({ exitCode: 1 }) }),
      'check 2 failed after 1.0s: npm test: exit status 1',
    ],
    [event('agent.fix_round', { name: 'a', round: 1, of: 2, attempt: 2 }), 'fix round 1 of 2 (attempt 2)'],
  ];
  for (const [given, text] of cases) it(given.type, () => assert.equal(describeEvent(given), text));

  it('exists for every type, which all have a group and a name', () => {
    for (const type of eventTypes)
      assert.match(
        type,
        /^(session|phase|agent|artifact|budget|checkpoint|message|request|paths|notification|workspace|work|verify|landing)\.[a-z_]+$/,
      );
    assert.equal(new Set(eventTypes).size, eventTypes.length);
  });

  it('tells the readers of a run nothing of the moments between a start and an end', () => {
    const told = (given: DomainEvent) => !isHidden(given, 'lines');
    assert.ok(told(event('agent.waiting', { name: 'a', cause: 'session_limit', limit: null })));
    assert.ok(!told(event('agent.stage_changed', { name: 'a', stage: 'collecting', previous: 'executing' })));
    assert.ok(!told(event('agent.progressed', { name: 'a', activity: 'x', usage: null })));
  });

  it('says who it happened to', () => {
    const names = new Map([[id as string, 'builder']]);
    const recorded = { path: 'p', sizeBytes: 1, sha256: '', by: id, candidates: ['builder'] };
    assert.equal(subjectOf(event('artifact.recorded', recorded), names), 'builder');
    assert.equal(subjectOf(event('session.started', {}), names), '');
    assert.equal(eventLine(event('session.started', {}), names), 'session: started');
    const times = { attempt: 1, leaseUntil: null };
    assert.equal(
      eventLine({ ...event('message.delivered', { id: messageId, ...times }), agentId: null }, names),
      `user: message ${messageId} delivered`,
    );
  });
});

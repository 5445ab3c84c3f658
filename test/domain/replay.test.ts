import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { specDefaults } from '../../src/domain/agent.ts';
import { noBudget } from '../../src/domain/budget.ts';
import type { RecordedEvent } from '../../src/domain/events.ts';
import { makeSessionId } from '../../src/domain/ids.ts';
import { type AgentRequest, makePlan } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/replay.ts';
import { retryWorkflow } from '../../src/domain/retry.ts';
import { recordProgress, startAgents } from '../../src/domain/running-agents.ts';
import {
  finishSession,
  pauseSession,
  recordClockChange,
  startSession,
} from '../../src/domain/session-life.ts';
import { type AgentReport, settleAgent } from '../../src/domain/settle-agent.ts';
import { type Change, createWorkflow, type Workflow } from '../../src/domain/workflow.ts';

const usage = {
  inputTokens: 10,
  outputTokens: 5,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 1,
  costUsd: 0.5,
};

function agent(name: string, dependsOn: readonly string[] = []): AgentRequest {
  return {
    ...specDefaults,
    role: { name: 'tester', custom: null },
    task: 'Do it.',
    name,
    dependsOn,
    stage: null,
    backend: 'claude',
    model: null,
    instanceSuffix: null,
    timeoutMs: 60_000,
    maxMemoryMb: 512,
    budget: noBudget,
  };
}

/** A session with every kind of event, and the state after each event or group of events. */
function history(): { readonly states: readonly Workflow[]; readonly events: readonly RecordedEvent[][] } {
  const plan = makePlan({
    objective: 'Be told again.',
    strategy: 'parallel',
    failurePolicy: 'continue',
    onExit: 'stop',
    limits: { maxConcurrency: null, maxAgentsPerRole: null },
    budget: noBudget,
    depth: 0,
    parent: null,
    folder: null,
    agents: [agent('a'), agent('b'), agent('c', ['a']), agent('d', ['b'])],
    aliases: {},
  });
  const sessionId = makeSessionId('01K0ABCDEFGHJKMNPQRSTVWXYZ');
  const states: Workflow[] = [];
  const events: RecordedEvent[][] = [];
  let seq = 0;
  let second = 0;
  const at = (): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second++)).toISOString();
  const note = (change: Change | null): Workflow => {
    assert.ok(change);
    states.push(change.next);
    events.push(change.events.map((event) => ({ ...event, seq: ++seq })));
    return change.next;
  };
  let now = note(
    createWorkflow(plan, { sessionId, suffixes: ['aaaaaa', 'bbbbbb', 'cccccc', 'dddddd'] }, at()),
  );
  const [a, b, c, d] = now.agents.map(({ id }) => id);
  assert.ok(a && b && c && d);
  const settle = (id: typeof a, outcome: AgentReport['outcome'], measured = {}): void => {
    now = note(settleAgent(now, id, { outcome, usage, conversation: null, ...measured }, at()));
  };
  const failure = { kind: 'exit_code', message: 'It exited with 1.', stderrTail: '' } as const;
  now = note(startSession(now, at()));
  now = note(startAgents(now, [a, b], at()));
  now = note(recordProgress(now, [{ id: a, activity: 'Reading.', usage, conversation: null }], at()));
  settle(a, { state: 'completed', result: 'Done.' });
  settle(b, { state: 'resumable', reason: 'Overloaded.', notBefore: at() });
  now = note(startAgents(now, [b, c], at()));
  now = note(recordClockChange(now, 3_600_000, at()));
  settle(b, { state: 'failed', failure, result: null }, { activeMs: 700 });
  settle(c, { state: 'resumable', reason: 'MAOS exited.' }, { activeMs: 800.4 });
  now = note(pauseSession(now, { reason: 'quota', resumeAt: at() }, at()));
  now = note(startSession(now, at()));
  now = note(startAgents(now, [c], at()));
  settle(c, { state: 'completed', result: 'Done, too.' });
  now = note(finishSession(now, at()));
  now = note(retryWorkflow(now, null, at()));
  now = note(startAgents(now, [b], at()));
  settle(b, { state: 'completed', result: 'At last.' });
  now = note(startAgents(now, [d], at()));
  settle(d, { state: 'completed', result: 'All.' });
  note(finishSession(now, at()));
  return { states, events };
}

describe('replaying events', () => {
  it('leads from every state to every later one', () => {
    const { states, events } = history();
    assert.equal(states.at(-1)?.session.state, 'completed');
    for (const [from, state] of states.entries()) {
      for (let to = from; to < states.length; to++) {
        const between = events.slice(from + 1, to + 1).flat();
        assert.deepEqual(replay(state, between), states[to], `from ${from} to ${to}`);
      }
    }
  });

  it('refuses events that do not follow', () => {
    const { states, events } = history();
    const last = states.at(-1);
    assert.ok(last);
    assert.throws(() => replay(last, events[2] ?? []), { code: 'INVALID_TRANSITION' });
  });
});

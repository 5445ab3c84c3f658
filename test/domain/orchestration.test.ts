import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { moveAgent } from '../../src/domain/agent.ts';
import { advancePhases, progressOf } from '../../src/domain/orchestration.ts';
import { outcomes, phasesOf, requestOf, settle, start, started, thrownBy, time } from './samples.ts';

describe('phases', () => {
  const workflow = start(started(requestOf({ a: [], b: ['a'] })), ['a']).next;

  it('keep their identity when nothing changed', () => {
    const { phases, moves } = advancePhases(workflow.phases, workflow.agents);
    assert.deepEqual(moves, []);
    assert.deepEqual(
      phases.map((phase, index) => phase === workflow.phases[index]),
      [true, true],
    );
  });

  it('pass through running when they started and ended between two looks', () => {
    const agents = workflow.agents.map((agent) =>
      moveAgent({ ...agent, state: 'running', attempt: 1 }, 'completed', time(3)),
    );
    const { phases, moves } = advancePhases(
      workflow.phases.map((phase) => ({ ...phase, state: 'planned' as const })),
      agents,
    );
    assert.deepEqual(moves, [
      { index: 0, state: 'running' },
      { index: 0, state: 'completed' },
      { index: 1, state: 'running' },
      { index: 1, state: 'completed' },
    ]);
    assert.deepEqual(
      phases.map((phase) => phase.state),
      ['completed', 'completed'],
    );
  });

  it('run again when a failed agent is tried again', () => {
    const failed = settle(workflow, 'a', outcomes.failed).next;
    assert.deepEqual(phasesOf(failed), ['failed', 'skipped']);
    const agents = failed.agents.map((agent) =>
      agent.state === 'failed' ? moveAgent(agent, 'pending', time(5)) : agent,
    );
    assert.deepEqual(advancePhases(failed.phases, agents).moves, [{ index: 0, state: 'running' }]);
  });

  it('refuse agents that contradict them', () => {
    const phases = workflow.phases.map((phase) => ({ ...phase, state: 'completed' as const }));
    thrownBy('INVALID_TRANSITION', () => advancePhases(phases, workflow.agents));
  });
});

describe('progressOf', () => {
  it('counts agents by state', () => {
    assert.deepEqual(progressOf([]), {
      total: 0,
      pending: 0,
      running: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      resumable: 0,
    });
    const names = { a: [], b: [], c: [], d: [], e: [], f: [] };
    let workflow = start(started(requestOf(names)), ['a', 'b', 'c', 'd', 'e']).next;
    for (const [name, outcome] of Object.entries({
      a: outcomes.completed,
      b: outcomes.failed,
      c: outcomes.resumable,
    })) {
      workflow = settle(workflow, name, outcome).next;
    }
    assert.deepEqual(progressOf(workflow.agents), {
      total: 6,
      pending: 1,
      running: 2,
      completed: 1,
      failed: 1,
      cancelled: 0,
      resumable: 1,
    });
  });
});

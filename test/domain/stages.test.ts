import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentStage, agentStages, stageTransitions } from '../../src/domain/agent-stage.ts';
import { cancelAgent, cancelWaiting } from '../../src/domain/cancel.ts';
import { isMaosError } from '../../src/domain/errors.ts';
import type { RecordedEvent } from '../../src/domain/events.ts';
import type { AgentId } from '../../src/domain/ids.ts';
import { replay } from '../../src/domain/replay.ts';
import { retryWorkflow } from '../../src/domain/retry.ts';
import { changeStage, recordProgress, recordSpawn, startAgents } from '../../src/domain/running-agents.ts';
import { finishSession, pauseSession, startSession } from '../../src/domain/session-life.ts';
import { type AgentOutcome, settleAgent } from '../../src/domain/settle-agent.ts';
import { cancelStalled } from '../../src/domain/stall.ts';
import { canTransition } from '../../src/domain/transitions.ts';
import type { Change, Workflow } from '../../src/domain/workflow.ts';
import { fc } from '../helpers/properties.ts';
import {
  deepFreeze,
  location,
  named,
  outcomes,
  requestOf,
  settle,
  start,
  started,
  time,
  told,
} from './samples.ts';

/** Any decision, legal or not. */
interface Decision {
  readonly what: keyof typeof decisions;
  readonly agent: number;
  readonly stage: AgentStage;
  readonly outcome: AgentOutcome;
}

type Decide = (workflow: Workflow, id: AgentId, decision: Decision, at: string) => Change | null;

const decisions = {
  start: (workflow, id, _, at) => startAgents(workflow, [id], at),
  spawn: (workflow, id, _, at) => recordSpawn(workflow, id, location, at),
  stage: (workflow, id, { stage }, at) => changeStage(workflow, id, stage, at),
  settle: (workflow, id, { outcome }, at) =>
    settleAgent(workflow, id, { outcome, usage: null, conversation: 'c' }, at),
  progress: (workflow, id, _, at) =>
    recordProgress(workflow, [{ id, activity: 'Reading.', usage: null, conversation: null }], at),
  cancel: (workflow, id, _, at) => cancelAgent(workflow, id, 'Enough.', at),
  cancelWaiting: (workflow, _id, _, at) => cancelWaiting(workflow, 'Enough.', at),
  pause: (workflow, _id, _, at) => pauseSession(workflow, { reason: 'user' }, at),
  resume: (workflow, _id, _, at) => startSession(workflow, at),
  retry: (workflow, id, _, at) => retryWorkflow(workflow, id, at),
  finish: (workflow, _id, _, at) => finishSession(workflow, at),
  giveUp: (workflow, _id, _, at) =>
    cancelStalled(workflow, { asked: 'Enough.', stalled: 'Broken.' }, new Set(), at),
} satisfies Record<string, Decide>;

/** Decisions that advance agents are more frequent than those that end a session. */
const frequent: readonly string[] = ['start', 'spawn', 'stage', 'retry'];
const rare: readonly string[] = ['cancelWaiting', 'giveUp', 'finish'];
const decision: fc.Arbitrary<Decision> = fc.record({
  what: fc.oneof(
    ...(Object.keys(decisions) as Decision['what'][]).map((what) => ({
      weight: rare.includes(what) ? 1 : frequent.includes(what) ? 60 : 20,
      arbitrary: fc.constant(what),
    })),
  ),
  agent: fc.nat({ max: 3 }),
  stage: fc.constantFrom(...agentStages),
  outcome: fc.constantFrom<AgentOutcome[]>(...Object.values(outcomes)),
});

const choices = fc.array(decision, { minLength: 10, maxLength: 150, size: 'max' });

/** The state after each legal decision, with its events. */
interface Step {
  readonly workflow: Workflow;
  readonly events: readonly RecordedEvent[];
}

function play(made: readonly Decision[]): readonly Step[] {
  const steps: Step[] = [
    { workflow: started(requestOf({ a: [], b: ['a'], c: [], d: ['b', 'c'] })), events: [] },
  ];
  let seq = 0;
  for (const [index, choice] of made.entries()) {
    const { workflow } = steps.at(-1) as Step;
    const id = workflow.agents[choice.agent]?.id as AgentId;
    let change: Change | null;
    try {
      change = decisions[choice.what](workflow, id, choice, time(10 + index));
    } catch (error) {
      assert.ok(isMaosError(error, 'INVALID_TRANSITION'), String(error));
      continue;
    }
    if (change === null) continue;
    const { next, events } = deepFreeze(change);
    steps.push({ workflow: next, events: events.map((event) => ({ ...event, seq: ++seq })) });
  }
  return steps;
}

describe('whatever is decided', () => {
  it('a running agent is in exactly one stage and any other in none, and stages follow the table', () => {
    const seen = new Set<AgentStage>();
    fc.assert(
      fc.property(choices, (made) => {
        let before: Workflow | null = null;
        for (const { workflow } of play(made)) {
          for (const [index, agent] of workflow.agents.entries()) {
            assert.equal(agent.stage !== null, agent.state === 'running', `${agent.state} ${agent.stage}`);
            if (agent.stage !== null) seen.add(agent.stage);
            const was = before?.agents[index];
            if (was === undefined || was.stage === agent.stage) continue;
            if (was.stage === null) assert.equal(agent.stage, 'preparing');
            else if (agent.stage !== null) assert.ok(canTransition(stageTransitions, was.stage, agent.stage));
          }
          before = workflow;
        }
      }),
      { numRuns: 300 },
    );
    assert.deepEqual([...seen].sort(), [...agentStages].sort());
  });

  it('events lead from every state to the stages of every later one', () => {
    const stagesOf = ({ agents }: Workflow) => agents.map(({ id, state, stage }) => ({ id, state, stage }));
    fc.assert(
      fc.property(choices, fc.nat(), (made, from) => {
        const steps = play(made);
        const first = from % steps.length;
        let replayed = (steps[first] as Step).workflow;
        for (const { workflow, events } of steps.slice(first + 1)) {
          replayed = replay(replayed, events);
          assert.deepEqual(stagesOf(replayed), stagesOf(workflow));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('settling an agent', () => {
  const running = start(started(requestOf({ a: [] })), ['a']).next;
  const { id } = named(running, 'a');

  it('passes the collecting of what it left, also where nobody recorded that', () => {
    const executing = recordSpawn(running, id, location, time(3)).next;
    for (const stage of ['executing', 'verifying', 'awaiting'] as const) {
      const from = stage === 'executing' ? executing : changeStage(executing, id, stage, time(4)).next;
      const change = settle(from, 'a', outcomes.completed);
      assert.deepEqual(told(change).slice(0, 2), ['agent.stage_changed a', 'agent.completed a']);
      assert.deepEqual(change.events[0]?.data, { name: 'a', stage: 'collecting', previous: stage });
    }
    const collecting = changeStage(executing, id, 'collecting', time(4)).next;
    assert.equal(told(settle(collecting, 'a', outcomes.completed))[0], 'agent.completed a');
  });

  it('needs no collecting where no process ever was', () => {
    assert.equal(told(settle(running, 'a', outcomes.failed))[0], 'agent.failed a');
  });
});

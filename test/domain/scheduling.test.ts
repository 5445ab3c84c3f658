import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Agent, type AgentState, agentStates } from '../../src/domain/agent.ts';
import {
  decideCancellations,
  decideOutcome,
  decideStarts,
  decideStops,
  heldBackends,
} from '../../src/domain/scheduling.ts';
import {
  type FailurePolicy,
  type SessionLimits,
  type SessionState,
  sessionStates,
} from '../../src/domain/session.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import { agentRequest, deepFreeze, planRequest, requestOf, started, time } from './samples.ts';

/** Agents by name, each with its state and what it depends on: `{ a: 'running', b: 'pending a' }`. */
function workflowOf(
  graph: Readonly<Record<string, string>>,
  failurePolicy: FailurePolicy = 'continue',
  limits: Partial<SessionLimits> = {},
): Workflow {
  const edges = Object.entries(graph).map(([name, line]) => [name, line.split(' ').slice(1)] as const);
  const request = requestOf(Object.fromEntries(edges), {
    failurePolicy,
    limits: { maxConcurrency: null, maxAgentsPerRole: null, ...limits },
  });
  const workflow = started(request);
  const agents = workflow.agents.map((agent): Agent => {
    const state = (graph[agent.name] ?? '').split(' ')[0] as AgentState;
    assert.ok(agentStates.includes(state), state);
    return { ...agent, state };
  });
  return deepFreeze({ ...workflow, agents });
}

function startsOf(workflow: Workflow, seconds = 10, defaults?: SessionLimits): readonly [string, string] {
  const { start, wait } = decideStarts(workflow.session, workflow.agents, time(seconds), defaults);
  return [
    start.map((agent) => agent.name).join(' '),
    wait.map(({ agent, reason }) => `${agent.name}:${reason}`).join(' '),
  ];
}

describe('decideStarts', () => {
  it('starts what has no dependencies, in plan order', () => {
    assert.deepEqual(startsOf(workflowOf({ z: 'pending', b: 'pending', a: 'pending b' })), ['z b', '']);
  });

  for (const state of agentStates) {
    const starts = state === 'pending' || state === 'resumable';
    it(`${starts ? 'starts' : 'does not start'} an agent that is ${state}`, () => {
      assert.deepEqual(startsOf(workflowOf({ a: state })), [starts ? 'a' : '', '']);
    });

    it(`${state === 'completed' ? 'starts' : 'does not start'} an agent whose dependency is ${state}`, () => {
      const started = startsOf(workflowOf({ a: state, b: 'completed', c: 'pending a b' }));
      assert.equal(started[0].includes('c'), state === 'completed');
      assert.equal(started[1], '', 'it is not ready, so it does not wait for a limit');
    });
  }

  for (const state of sessionStates) {
    it(`${state === 'running' ? 'starts' : 'starts nothing'} in a session that is ${state}`, () => {
      const { session, agents } = workflowOf({ a: 'pending', b: 'resumable' });
      const decision = decideStarts({ ...session, state: state as SessionState }, agents, time(10));
      assert.deepEqual(
        decision.start.map((agent) => agent.name),
        state === 'running' ? ['a', 'b'] : [],
      );
      assert.deepEqual(decision.wait, []);
    });
  }

  it('holds back what is over the limit of the session, counting what runs', () => {
    const workflow = workflowOf({ a: 'running', b: 'pending', c: 'pending', d: 'pending a' }, 'continue', {
      maxConcurrency: 2,
    });
    assert.deepEqual(startsOf(workflow), ['b', 'c:session_limit']);
  });

  it('holds back what is over the limit of its role, and lets other roles pass', () => {
    const agents = ['qa', 'qa', 'pm', 'qa', 'pm'].map((roleName) => agentRequest({ roleName }));
    const limits = { maxConcurrency: null, maxAgentsPerRole: 1 };
    const workflow = started(planRequest(agents, { limits }));
    assert.deepEqual(startsOf(workflow), ['qa_1 pm_1', 'qa_2:role_limit qa_3:role_limit pm_2:role_limit']);
  });

  it('names the limit of the session where both hold', () => {
    const limits = { maxConcurrency: 1, maxAgentsPerRole: 1 };
    assert.deepEqual(startsOf(workflowOf({ a: 'running', b: 'pending' }, 'continue', limits)), [
      '',
      'b:session_limit',
    ]);
  });

  it('takes defaults where the session has no limit of its own', () => {
    const graph = { a: 'pending', b: 'pending', c: 'pending' };
    const defaults = { maxConcurrency: 1, maxAgentsPerRole: null };
    assert.deepEqual(startsOf(workflowOf(graph), 10, defaults), ['a', 'b:session_limit c:session_limit']);
    assert.deepEqual(startsOf(workflowOf(graph, 'continue', { maxConcurrency: 2 }), 10, defaults), [
      'a b',
      'c:session_limit',
    ]);
    assert.deepEqual(startsOf(workflowOf(graph), 10, { maxConcurrency: null, maxAgentsPerRole: 2 }), [
      'a b',
      'c:role_limit',
    ]);
  });

  it('starts nothing more after a failure under fail_fast', () => {
    assert.deepEqual(startsOf(workflowOf({ a: 'failed', b: 'pending' }, 'fail_fast')), ['', '']);
    assert.deepEqual(startsOf(workflowOf({ a: 'failed', b: 'pending' }, 'continue')), ['b', '']);
    assert.deepEqual(startsOf(workflowOf({ a: 'cancelled', b: 'pending' }, 'fail_fast')), ['b', '']);
  });
});

describe('heldBackends', () => {
  /** Agents by name: state, backend and, after '@', the second of their earliest start. */
  const team = (lines: Readonly<Record<string, string>>): Workflow => {
    const workflow = workflowOf(Object.fromEntries(Object.keys(lines).map((name) => [name, 'pending'])));
    const agents = workflow.agents.map((agent): Agent => {
      const [state, backend, until] = (lines[agent.name] ?? '').split(/[ @]/);
      const notBefore = until === undefined ? null : time(Number(until));
      return { ...agent, state: state as AgentState, backend: backend as string, notBefore };
    });
    return deepFreeze({ ...workflow, agents });
  };

  it('holds a backend until the latest time one of its agents was put off to', () => {
    const { agents } = team({
      a: 'resumable x@20',
      b: 'resumable x@30',
      c: 'resumable y@15',
      d: 'pending z',
    });
    assert.deepEqual(
      [...heldBackends(agents, time(10))],
      [
        ['x', time(30)],
        ['y', time(15)],
      ],
    );
    assert.deepEqual(
      [...heldBackends(agents, time(15))],
      [['x', time(30)]],
      'the time itself is late enough',
    );
    assert.deepEqual([...heldBackends(agents, time(30))], []);
  });

  it('lets an agent go that no longer waits for its provider', () => {
    const { agents } = team({ a: 'running x@20', b: 'cancelled x@20', c: 'pending x@20', d: 'resumable x' });
    assert.equal(heldBackends(agents, time(10)).size, 0);
  });

  it('holds an agent of a pool apart from all others, whose hosts have accounts of their own', () => {
    const startsIn = (lines: Readonly<Record<string, string>>) => {
      const { agents, ...workflow } = team(lines);
      const placed = agents.map((agent) => ({ ...agent, pool: agent.name.startsWith('far') ? 'gpu' : null }));
      return startsOf({ ...workflow, agents: placed });
    };
    assert.deepEqual(startsIn({ near: 'resumable x@20', far: 'pending x' }), ['far', 'near:provider']);
    const refused = { far: 'resumable x@20', 'far-too': 'pending x', near: 'pending x' };
    assert.deepEqual(startsIn(refused), ['far-too near', 'far:provider']);
  });

  it('holds the siblings on the same backend back, and no other, without using up their places', () => {
    const { session, agents } = team({ a: 'resumable x@20', b: 'pending x', c: 'pending y', d: 'pending y' });
    const limits = { maxConcurrency: 2, maxAgentsPerRole: null };
    const at = (seconds: number) =>
      startsOf({ session: { ...session, limits }, agents, phases: [] }, seconds);
    assert.deepEqual(at(10), ['c d', 'a:provider b:provider']);
    assert.deepEqual(at(20), ['a b', 'c:session_limit d:session_limit']);
  });
});

describe('decideCancellations', () => {
  const cancelled = ({ session, agents }: Workflow): readonly string[] =>
    decideCancellations(session, agents).map(
      ({ agent, reason, because }) => `${agent.name}:${reason}:${because?.name ?? '-'}`,
    );

  it('is empty while nothing went wrong', () => {
    const graph = { a: 'completed', b: 'running', c: 'resumable', d: 'pending b' };
    assert.deepEqual(cancelled(workflowOf(graph)), []);
    assert.deepEqual(cancelled(workflowOf(graph, 'fail_fast')), []);
  });

  it('follows a failure downstream, in plan order, whatever the order of the plan', () => {
    const graph = { d: 'pending c', c: 'pending b', b: 'pending a', a: 'failed', other: 'pending' };
    assert.deepEqual(cancelled(workflowOf(graph)), [
      'd:dependency_failed:c',
      'c:dependency_failed:b',
      'b:dependency_failed:a',
    ]);
  });

  it('follows a cancelled agent as well, and finds it among several dependencies', () => {
    const graph = { a: 'completed', b: 'cancelled', c: 'pending a b', d: 'resumable b' };
    assert.deepEqual(cancelled(workflowOf(graph)), ['c:dependency_failed:b', 'd:dependency_failed:b']);
  });

  it('takes in everything not started under fail_fast, dependents with their own reason', () => {
    const graph = { a: 'failed', b: 'pending a', c: 'pending', d: 'resumable', e: 'running', f: 'completed' };
    assert.deepEqual(cancelled(workflowOf(graph, 'fail_fast')), [
      'b:dependency_failed:a',
      'c:fail_fast:-',
      'd:fail_fast:-',
    ]);
  });
});

describe('decideStops', () => {
  const stopped = ({ session, agents }: Workflow): readonly string[] =>
    decideStops(session, agents).map((agent) => agent.name);

  it('is what runs after a failure under fail_fast', () => {
    const graph = { a: 'running', b: 'failed', c: 'running', d: 'pending', e: 'completed' };
    assert.deepEqual(stopped(workflowOf(graph, 'fail_fast')), ['a', 'c']);
    assert.deepEqual(stopped(workflowOf(graph, 'continue')), []);
  });

  it('is nothing without a failure', () => {
    const graph = { a: 'running', b: 'cancelled', c: 'completed', d: 'resumable' };
    assert.deepEqual(stopped(workflowOf(graph, 'fail_fast')), []);
  });
});

describe('decideOutcome', () => {
  const outcome = (...states: readonly string[]) =>
    decideOutcome(workflowOf(Object.fromEntries(states.map((state, index) => [`a${index}`, state]))).agents);

  it('is open while an agent has not ended', () => {
    for (const state of ['pending', 'running', 'resumable']) {
      assert.equal(outcome('completed', state), null);
      assert.equal(outcome('failed', state), null);
    }
  });

  it('is completed only when every agent is', () => {
    assert.equal(outcome('completed', 'completed'), 'completed');
    assert.equal(outcome('completed', 'failed'), 'failed');
    assert.equal(outcome('completed', 'cancelled'), 'failed');
    assert.equal(outcome('cancelled'), 'failed');
  });
});

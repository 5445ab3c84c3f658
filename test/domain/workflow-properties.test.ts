import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../src/domain/agent.ts';
import type { Workflow } from '../../src/domain/workflow.ts';
import { fc } from '../helpers/properties.ts';
import {
  cancelled,
  type Ending,
  paused,
  postponed,
  retried,
  type Scenario,
  undisturbed,
} from './scenarios.ts';
import { above, type RunRecord, simulate } from './simulated-run.ts';

const numRuns = 250;

/** Runs the scenarios, then checks that the cases of the property have occurred. */
function forEvery(
  scenarios: fc.Arbitrary<Scenario>,
  occurrences: Readonly<Record<string, (record: RunRecord, scenario: Scenario) => boolean>>,
  property: (record: RunRecord, scenario: Scenario) => void,
): void {
  const seen = new Map(Object.keys(occurrences).map((name) => [name, 0]));
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const record = simulate(scenario);
      property(record, scenario);
      for (const [name, occurred] of Object.entries(occurrences)) {
        if (occurred(record, scenario)) seen.set(name, (seen.get(name) ?? 0) + 1);
      }
    }),
    { numRuns },
  );
  for (const [name, times] of seen) assert.ok(times > 0, `'${name}' came up in none of ${numRuns} runs`);
}

function lastEvent({ ledger }: RunRecord): string | undefined {
  return ledger.events.at(-1)?.type;
}

function someFailed({ agents }: Workflow): boolean {
  return agents.some((agent) => agent.state === 'failed');
}

/** The ending of an agent in an undisturbed team: its own, unless an agent that it depends on did not complete. */
function expected(workflow: Workflow, endings: readonly Ending[], agent: Agent): Ending {
  const endingOf = (other: Agent): Ending => endings[workflow.agents.indexOf(other)] as Ending;
  const upstreams = workflow.agents.filter((other) => above(workflow, agent).has(other.id));
  return upstreams.every((other) => endingOf(other) === 'completed') ? endingOf(agent) : 'cancelled';
}

function assertOutcome(record: RunRecord): void {
  const { state } = record.final.session;
  const all = record.final.agents.every((agent) => agent.state === 'completed');
  assert.equal(state, all ? 'completed' : 'failed');
  assert.equal(lastEvent(record), `session.${state}`);
}

describe('any session left to itself', () => {
  it('ends as its agents do, each started at most once', () => {
    forEvery(
      undisturbed,
      {
        'all completed': ({ final }) => final.session.state === 'completed' && final.agents.length > 5,
        'one failed': ({ final }) => someFailed(final),
        'one waited for a limit': ({ waits }) => waits > 0,
        'several ran at once': ({ widest }) => widest > 3,
      },
      (record, { endings }) => {
        assertOutcome(record);
        for (const agent of record.final.agents) {
          assert.equal(record.ledger.started(agent.id), agent.attempt);
          assert.ok(agent.attempt <= 1);
          if (endings.every((ending) => ending === 'completed')) assert.equal(agent.attempt, 1);
        }
      },
    );
  });

  it('has, unless a failure ends it early, the same result in whatever order things happen', () => {
    forEvery(
      undisturbed,
      {
        'a failure under continue': ({ final }) =>
          someFailed(final) && final.session.failurePolicy === 'continue',
        'no failure under fail_fast': ({ final }) =>
          !someFailed(final) && final.session.failurePolicy === 'fail_fast',
        'a dependent cancelled': ({ final }) =>
          final.agents.some((agent) => agent.failure?.kind === 'dependency_failed'),
      },
      ({ final }, { endings }) => {
        if (final.session.failurePolicy === 'fail_fast' && someFailed(final)) return;
        for (const agent of final.agents) {
          assert.equal(agent.state, expected(final, endings, agent), agent.name);
          const upstreamsCompleted = final.agents
            .filter((other) => agent.dependsOn.includes(other.id))
            .every((other) => other.state === 'completed');
          assert.equal(agent.attempt, upstreamsCompleted ? 1 : 0);
          if (!upstreamsCompleted) assert.equal(agent.failure?.kind, 'dependency_failed');
        }
      },
    );
  });

  it('stops under fail_fast at the first failure', () => {
    forEvery(
      undisturbed.map((scenario) => ({
        ...scenario,
        request: { ...scenario.request, failurePolicy: 'fail_fast' as const },
      })),
      { 'an agent stopped': ({ stops }) => stops > 0, 'an agent not started': hasFailFastCancellation },
      (record) => {
        assertOutcome(record);
        const { events } = record.ledger;
        const failed = events.findIndex((event) => event.type === 'agent.failed');
        if (failed < 0) return;
        assert.equal(
          events.slice(failed).some((event) => event.type === 'agent.started'),
          false,
        );
        assert.equal(record.final.session.state, 'failed');
      },
    );
  });
});

function hasFailFastCancellation({ final }: RunRecord): boolean {
  return final.agents.some(
    (agent) => agent.state === 'cancelled' && agent.attempt === 0 && agent.failure === null,
  );
}

describe('any session that is paused and resumed', () => {
  it('goes on where it was: an interrupted agent starts again, once for every interruption', () => {
    forEvery(
      paused,
      {
        'an agent interrupted twice': ({ interruptions }) =>
          [...interruptions.values()].some((times) => times > 1),
        'an end during a pause': endedPaused,
        'all completed after an interruption': ({ final, interruptions }) =>
          final.session.state === 'completed' && interruptions.size > 0,
      },
      (record, { endings }) => {
        assertOutcome(record);
        const { final, interruptions, ledger } = record;
        const cutShort = final.session.failurePolicy === 'fail_fast' && someFailed(final);
        for (const agent of final.agents) {
          const interrupted = interruptions.get(agent.id) ?? 0;
          assert.equal(ledger.started(agent.id), agent.attempt);
          if (cutShort) {
            assert.ok(agent.attempt >= interrupted && agent.attempt <= interrupted + 1);
          } else {
            assert.equal(agent.state, expected(final, endings, agent), agent.name);
            const neverRan = agent.failure?.kind === 'dependency_failed';
            assert.equal(agent.attempt, neverRan ? 0 : interrupted + 1);
          }
        }
      },
    );
  });
});

function endedPaused({ ledger }: RunRecord): boolean {
  const changes = ledger.events.filter((event) => event.type.startsWith('session.'));
  return changes.at(-2)?.type === 'session.paused';
}

describe('any session whose providers ask for patience', () => {
  it('ends as it would without, each agent put off started once more', () => {
    forEvery(
      postponed,
      {
        'an agent put off twice': ({ postponements }) =>
          [...postponements.values()].some((times) => times > 1),
        'a sibling held back': ({ held, postponements }) => held > postponements.size,
        'put off and interrupted': ({ postponements, interruptions }) =>
          [...interruptions.keys()].some((id) => postponements.has(id)),
        'all completed': ({ final, postponements }) =>
          final.session.state === 'completed' && postponements.size > 0,
      },
      (record, { endings }) => {
        assertOutcome(record);
        const { final, interruptions, postponements, ledger } = record;
        const cutShort = final.session.failurePolicy === 'fail_fast' && someFailed(final);
        for (const agent of final.agents) {
          const again = (interruptions.get(agent.id) ?? 0) + (postponements.get(agent.id) ?? 0);
          assert.equal(ledger.started(agent.id), agent.attempt);
          assert.equal(agent.notBefore, null);
          if (cutShort) {
            assert.ok(agent.attempt >= again && agent.attempt <= again + 1);
          } else {
            assert.equal(agent.state, expected(final, endings, agent), agent.name);
            assert.equal(agent.attempt, agent.failure?.kind === 'dependency_failed' ? 0 : again + 1);
          }
        }
      },
    );
  });
});

describe('any session that is retried until nothing fails', () => {
  it('completes, and runs nothing again that had completed', () => {
    forEvery(
      retried,
      {
        'several agents one by one': ({ ledger }, { retry }) =>
          retry === 'agent' && ledger.events.filter(({ type }) => type === 'session.retried').length > 1,
        'the whole session': ({ retries }, { retry }) => retry === 'session' && retries.size > 1,
        'an agent that could not run': ({ refusedRetries }) => refusedRetries > 0,
        'under fail_fast': ({ final, retries }) =>
          final.session.failurePolicy === 'fail_fast' && retries.size > 0,
        'an agent that was put off': ({ postponements, retries }) =>
          [...retries.keys()].some((id) => postponements.has(id)),
      },
      (record) => {
        assert.equal(record.final.session.state, 'completed');
        const { final, interruptions, ledger, postponements, retries } = record;
        assert.ok(final.phases.every(({ state }) => state === 'completed'));
        for (const agent of final.agents) {
          const started = ledger.started(agent.id);
          assert.equal(started, agent.attempt);
          const again = [retries, postponements, interruptions]
            .map((times) => times.get(agent.id) ?? 0)
            .reduce((sum, times) => sum + times, 0);
          assert.ok(started >= 1 && started <= 1 + again);
          if (again === 0) assert.equal(started, 1);
        }
      },
    );
  });
});

describe('any session that is cancelled', () => {
  it('ends with every agent ended and nothing started afterwards', () => {
    const ended = (record: RunRecord): boolean => record.final.session.state === 'cancelled';
    forEvery(
      cancelled,
      {
        'before it started': (record, { cancelRound }) => cancelRound === 0 && ended(record),
        'while agents ran': (record) =>
          ended(record) && record.final.agents.some((agent) => agent.attempt > 0),
        'after agents completed': (record) =>
          ended(record) && record.final.agents.some((agent) => agent.state === 'completed'),
        'too late': (record) => !ended(record),
      },
      (record) => {
        if (!ended(record)) return assertOutcome(record);
        assert.equal(lastEvent(record), 'session.cancelled');
        for (const agent of record.final.agents) {
          assert.match(agent.state, /^(completed|failed|cancelled)$/);
          assert.notEqual(agent.endedAt, null);
        }
      },
    );
  });
});

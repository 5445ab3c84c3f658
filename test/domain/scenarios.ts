import type { PlanRequest } from '../../src/domain/plan.ts';
import { failurePolicies, type SessionLimits, strategies } from '../../src/domain/session.ts';
import { fc } from '../helpers/properties.ts';
import { agentRequest, planRequest } from './samples.ts';

/** How an undisturbed agent ends. */
export type Ending = 'completed' | 'failed' | 'cancelled';

/** A plan and everything that happens to it. The same scenario always gives the same simulated run. */
export interface Scenario {
  readonly request: PlanRequest;
  /** For each agent. */
  readonly endings: readonly Ending[];
  /** Maximum number of agents on the machine; null: no limit. */
  readonly machineLimit: number | null;
  /**
   * Decides everything random: which agents end next, how many at once, which of them obey a stop. Repeated as needed.
   */
  readonly dice: readonly number[];
  /** Rounds in which the session is paused. */
  readonly pauseRounds: readonly number[];
  /** For each agent, how many times its provider postpones it. */
  readonly refusals: readonly number[];
  /** What is retried whenever the session has failed: all of it, or one random agent. A retried agent completes. */
  readonly retry: 'none' | 'session' | 'agent';
  /** The round in which the session is cancelled. */
  readonly cancelRound: number | null;
}

const limit = fc.option(fc.integer({ min: 1, max: 6 }), { nil: null });
const limits: fc.Arbitrary<SessionLimits> = fc.record({ maxConcurrency: limit, maxAgentsPerRole: limit });

/** Plans without a cycle: every dependency and every stage follows one hidden order of the agents. */
function requests(count: number): fc.Arbitrary<PlanRequest> {
  const index = fc.nat({ max: count - 1 });
  const each = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.array(item, { minLength: count, maxLength: count });
  return fc
    .record({
      strategy: fc.constantFrom(...strategies),
      failurePolicy: fc.constantFrom(...failurePolicies),
      limits,
      order: fc.shuffledSubarray([...new Array(count).keys()], { minLength: count }),
      roles: each(fc.constantFrom('qa', 'pm', 'devops')),
      backends: each(fc.constantFrom('claude', 'codex')),
      stages: each(fc.nat({ max: 4 })),
      edges: fc.array(fc.tuple(index, index), { maxLength: 2 * count }),
    })
    .map(({ strategy, failurePolicy, limits, order, roles, backends, stages, edges }) => {
      const rank = (agent: number): number => (strategy === 'sequential' ? agent : (order[agent] as number));
      const ascending = stages.toSorted((a, b) => a - b);
      const agents = roles.map((roleName, agent) => {
        const upstreams = edges
          .filter((edge) => edge.includes(agent))
          .map(([a, b]) => (a === agent ? b : a))
          .filter((other) => rank(other) < rank(agent));
        return agentRequest({
          roleName,
          backend: backends[agent] as string,
          name: `a${agent}`,
          stage: strategy === 'pipeline' ? (ascending[rank(agent)] as number) : null,
          dependsOn: upstreams.map((upstream) => `a${upstream}`),
        });
      });
      return planRequest(agents, { strategy, failurePolicy, limits });
    });
}

function endings(count: number): fc.Arbitrary<readonly Ending[]> {
  const all = (ending: fc.Arbitrary<Ending>): fc.Arbitrary<Ending[]> =>
    fc.array(ending, { minLength: count, maxLength: count });
  const mixed = fc.oneof(
    { weight: 8, arbitrary: fc.constant<Ending>('completed') },
    { weight: 1, arbitrary: fc.constant<Ending>('failed') },
    { weight: 1, arbitrary: fc.constant<Ending>('cancelled') },
  );
  return fc.oneof(
    { weight: 2, arbitrary: all(mixed) },
    { weight: 1, arbitrary: all(fc.constant<Ending>('completed')) },
  );
}

/** Scenarios without interference, with 1 to 25 agents. */
export const undisturbed: fc.Arbitrary<Scenario> = fc.integer({ min: 1, max: 25 }).chain((count) =>
  fc.record({
    request: requests(count),
    endings: endings(count),
    machineLimit: limit,
    dice: fc.array(fc.nat(), { minLength: 1, maxLength: 80 }),
    pauseRounds: fc.constant([]),
    refusals: fc.constant([]),
    retry: fc.constant('none'),
    cancelRound: fc.constant(null),
  }),
);

const round = fc.nat({ max: 8 });

/** Scenarios with pauses, in which agents are interrupted. */
export const paused: fc.Arbitrary<Scenario> = fc
  .tuple(undisturbed, fc.uniqueArray(round, { minLength: 1, maxLength: 4 }))
  .map(([scenario, pauseRounds]) => ({ ...scenario, pauseRounds }));

/** Scenarios in which providers postpone agents; some have pauses as well. */
export const postponed: fc.Arbitrary<Scenario> = fc
  .tuple(
    undisturbed,
    fc.array(fc.nat({ max: 3 }), { minLength: 25, maxLength: 25 }),
    fc.uniqueArray(round, { maxLength: 2 }),
  )
  .map(([scenario, refusals, pauseRounds]) => ({ ...scenario, refusals, pauseRounds }));

/** Scenarios in which failures are retried until none is left; in some, providers postpone agents. */
export const retried: fc.Arbitrary<Scenario> = fc
  .tuple(fc.oneof(undisturbed, postponed), fc.constantFrom<Scenario['retry'][]>('session', 'agent'))
  .map(([scenario, retry]) => ({ ...scenario, retry }));

/** Scenarios that are cancelled unless they end before; some have pauses as well. */
export const cancelled: fc.Arbitrary<Scenario> = fc
  .tuple(undisturbed, round, fc.uniqueArray(round, { maxLength: 2 }))
  .map(([scenario, cancelRound, pauseRounds]) => ({ ...scenario, cancelRound, pauseRounds }));

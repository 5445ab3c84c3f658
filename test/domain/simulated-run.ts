import assert from 'node:assert/strict';
import type { Agent } from '../../src/domain/agent.ts';
import { agentStages, stageTransitions } from '../../src/domain/agent-stage.ts';
import { cancelSession, cancelWaiting } from '../../src/domain/cancel.ts';
import type { AgentId } from '../../src/domain/ids.ts';
import { progressOf } from '../../src/domain/orchestration.ts';
import { decideRetries, retryWorkflow } from '../../src/domain/retry.ts';
import { changeStage, recordSpawn, startAgents } from '../../src/domain/running-agents.ts';
import { decideStarts, decideStops } from '../../src/domain/scheduling.ts';
import { finishSession, pauseSession, startSession } from '../../src/domain/session-life.ts';
import { type AgentOutcome, settleAgent } from '../../src/domain/settle-agent.ts';
import { agentOf, type Change, type Workflow } from '../../src/domain/workflow.ts';
import { Ledger } from './ledger.ts';
import { created, deepFreeze, location, outcomes, thrownBy, time } from './samples.ts';
import type { Scenario } from './scenarios.ts';

/** The record of a run, for properties of the run as a whole. */
export interface RunRecord {
  readonly final: Workflow;
  readonly ledger: Ledger;
  readonly interruptions: ReadonlyMap<AgentId, number>;
  readonly postponements: ReadonlyMap<AgentId, number>;
  /** Number of retries of each agent. */
  readonly retries: ReadonlyMap<AgentId, number>;
  /** Number of rejected retries of single agents that could not have run. */
  readonly refusedRetries: number;
  /** Number of agents held back because a provider postponed another one, summed over all rounds. */
  readonly held: number;
  /** Number of ready agents held back by a limit, summed over all rounds. */
  readonly waits: number;
  /** Number of agents stopped under fail_fast. */
  readonly stops: number;
  /** Maximum number of agents that ran at the same time. */
  readonly widest: number;
}

/** Runs sessions as their owner would, with agents that end at random, and checks every state on the way. */
class Simulation {
  readonly #scenario: Scenario;
  readonly #ledger = new Ledger();
  readonly #interruptions = new Map<AgentId, number>();
  readonly #postponements = new Map<AgentId, number>();
  readonly #retries = new Map<AgentId, number>();
  #refusedRetries = 0;
  #held = 0;
  #workflow: Workflow;
  #clock = 0;
  #die = 0;
  #waits = 0;
  #stops = 0;
  #widest = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const change = created(scenario.request);
    this.#workflow = change.next;
    this.#apply(change);
  }

  run(): RunRecord {
    const { endings, pauseRounds, cancelRound, refusals } = this.#scenario;
    const ends = endings.length + refusals.reduce((sum, times) => sum + times, 0);
    const rounds = 3 * ends * (1 + pauseRounds.length) + pauseRounds.length;
    if (cancelRound !== 0) this.#apply(startSession(this.#workflow, this.#now()));
    for (let round = 0; this.#workflow.session.endedAt === null || this.#retry(); round++) {
      assert.ok(round <= rounds, `not ended after ${rounds} rounds`);
      if (round === cancelRound) this.#cancel();
      else if (!this.#finish()) this.#play(pauseRounds.includes(round));
    }
    return {
      final: this.#workflow,
      ledger: this.#ledger,
      interruptions: this.#interruptions,
      postponements: this.#postponements,
      retries: this.#retries,
      refusedRetries: this.#refusedRetries,
      held: this.#held,
      waits: this.#waits,
      stops: this.#stops,
      widest: this.#widest,
    };
  }

  /** One round: starts the agents that may start, then ends some of the running ones, or all of them for a pause. */
  #play(pause: boolean): void {
    this.#start();
    let running = this.#running();
    if (running.length === 0 && !pause) {
      this.#waitForProvider();
      this.#start();
      running = this.#running();
    }
    if (pause) {
      this.#apply(pauseSession(this.#workflow, { reason: 'interrupted' }, this.#now()));
      for (const agent of running) this.#end(agent, this.#roll(3) > 0 ? 'resumable' : null);
      if (!this.#finish()) this.#apply(startSession(this.#workflow, this.#now()));
      return;
    }
    assert.ok(running.length > 0 || this.#mustEnd(), 'stuck: nothing runs and nothing can start');
    for (let ends = Math.min(running.length, 1 + this.#roll(3)); ends > 0; ends--) {
      const [agent] = running.splice(this.#roll(running.length), 1);
      const stopped = decideStops(this.#workflow.session, this.#workflow.agents).includes(agent as Agent);
      this.#end(agent as Agent, stopped && this.#roll(4) > 0 ? 'cancelled' : this.#refusal(agent as Agent));
      if (stopped) this.#stops += 1;
    }
  }

  /** If nothing runs because every ready agent is held back, advances the time until the first may start. */
  #waitForProvider(): void {
    const times = this.#workflow.agents.flatMap(({ notBefore }) => notBefore ?? []);
    for (const last = times.toSorted().at(-1) ?? ''; this.#now() < last; );
  }

  #refusal(agent: Agent): 'postponed' | null {
    const index = this.#workflow.agents.findIndex(({ id }) => id === agent.id);
    const left = (this.#scenario.refusals[index] ?? 0) - (this.#postponements.get(agent.id) ?? 0);
    return left > 0 ? 'postponed' : null;
  }

  /** Retries a failed session according to the scenario; false if it stays failed. */
  #retry(): boolean {
    const { retry } = this.#scenario;
    if (retry === 'none' || this.#workflow.session.state !== 'failed') return false;
    const candidates = this.#workflow.agents.filter(
      ({ state }) => state === 'failed' || state === 'cancelled',
    );
    let only = retry === 'session' ? null : (candidates[this.#roll(candidates.length)] as Agent).id;
    if (only !== null && !couldRun(this.#workflow, agentOf(this.#workflow, only))) {
      const refused = only;
      thrownBy('INVALID_TRANSITION', () => decideRetries(this.#workflow, refused));
      this.#refusedRetries += 1;
      only = null;
    }
    const before = this.#workflow;
    this.#apply(retryWorkflow(before, only, this.#now()));
    for (const { id, state } of this.#workflow.agents) {
      if (state === 'pending' && agentOf(before, id).state !== 'pending')
        this.#retries.set(id, (this.#retries.get(id) ?? 0) + 1);
    }
    return true;
  }

  #mustEnd(): boolean {
    return this.#workflow.agents.every((agent) => agent.endedAt !== null && agent.state !== 'resumable');
  }

  #start(): void {
    const { session, agents } = this.#workflow;
    const now = this.#now();
    const decision = decideStarts(session, agents, now);
    checkStarts(this.#workflow, now, decision.start, decision.wait);
    const held = decision.wait.filter(({ reason }) => reason === 'provider').length;
    this.#waits += decision.wait.length - held;
    this.#held += held;
    const room = (this.#scenario.machineLimit ?? Number.POSITIVE_INFINITY) - this.#running().length;
    const starts = decision.start.slice(0, Math.max(0, room)).map(({ id }) => id);
    if (starts.length > 0) this.#apply(startAgents(this.#workflow, starts, this.#now()));
    this.#widest = Math.max(this.#widest, this.#running().length);
  }

  #end({ id }: Agent, fate: 'resumable' | 'postponed' | 'cancelled' | null): void {
    const index = this.#workflow.agents.findIndex((agent) => agent.id === id);
    const ending = this.#retries.has(id) ? 'completed' : this.#scenario.endings[index];
    const outcome: AgentOutcome =
      fate === 'postponed'
        ? { ...outcomes.resumable, notBefore: time(this.#clock + 1 + this.#roll(6)) }
        : outcomes[fate ?? ending ?? 'completed'];
    this.#passStages(id);
    const before = this.#workflow;
    this.#apply(settleAgent(before, id, { outcome, usage: null, conversation: null }, this.#now()));
    if (fate === 'postponed') this.#postponements.set(id, (this.#postponements.get(id) ?? 0) + 1);
    if (fate === 'resumable') this.#interruptions.set(id, (this.#interruptions.get(id) ?? 0) + 1);
    checkConsequences(before, id, outcome, this.#workflow);
  }

  /** Records a random part of a running agent's stages. */
  #passStages(id: AgentId): void {
    for (let steps = this.#roll(5); steps > 0; steps--) {
      const { stage } = agentOf(this.#workflow, id);
      const possible = agentStages.filter((to) => stage !== null && stageTransitions[stage].includes(to));
      const to = possible[this.#roll(possible.length)];
      if (to === undefined) return;
      const at = this.#now();
      const change =
        stage === 'preparing'
          ? recordSpawn(this.#workflow, id, location, at)
          : changeStage(this.#workflow, id, to, at);
      this.#apply(change);
    }
  }

  #cancel(): void {
    this.#apply(cancelWaiting(this.#workflow, 'Enough.', this.#now()));
    const before = this.#workflow.agents.filter((agent) => agent.state === 'running');
    for (const agent of before)
      this.#end(agent, ([null, 'cancelled', 'resumable'] as const)[this.#roll(3)] ?? null);
    assert.deepEqual(this.#running(), [], 'nothing started during the cancellation');
    this.#apply(cancelWaiting(this.#workflow, 'Enough.', this.#now()));
    this.#apply(cancelSession(this.#workflow, 'Enough.', this.#now()));
  }

  #finish(): boolean {
    const change = finishSession(this.#workflow, this.#now());
    if (change !== null) this.#apply(change);
    return change !== null;
  }

  #running(): Agent[] {
    return this.#workflow.agents.filter((agent) => agent.state === 'running');
  }

  #apply(change: Change): void {
    this.#workflow = deepFreeze(change).next;
    this.#ledger.read(change.events);
    this.#ledger.agreesWith(this.#workflow);
    checkInvariants(this.#workflow);
  }

  #now(): string {
    this.#clock += 1;
    return time(this.#clock);
  }

  /** A number from 0 to `sides - 1`. */
  #roll(sides: number): number {
    const { dice } = this.#scenario;
    return (dice[this.#die++ % dice.length] as number) % Math.max(1, sides);
  }
}

/** @throws AssertionError as soon as the run violates a rule for all runs */
export function simulate(scenario: Scenario): RunRecord {
  return new Simulation(scenario).run();
}

/** Every agent that this one depends on, directly or indirectly. */
export function above(workflow: Workflow, agent: Agent): ReadonlySet<AgentId> {
  const found = new Set<AgentId>(agent.dependsOn);
  for (const id of found) for (const further of agentOf(workflow, id).dependsOn) found.add(further);
  return found;
}

function checkInvariants({ session, agents }: Workflow): void {
  const running = agents.filter((agent) => agent.state === 'running');
  assert.ok(running.length <= (session.limits.maxConcurrency ?? agents.length));
  for (const role of new Set(running.map((agent) => agent.role.name))) {
    const ofRole = running.filter((agent) => agent.role.name === role).length;
    assert.ok(ofRole <= (session.limits.maxAgentsPerRole ?? agents.length), `${ofRole} of ${role}`);
  }
  const stateOf = new Map(agents.map((agent) => [agent.id, agent.state]));
  for (const agent of agents) {
    if (agent.attempt > 0) for (const id of agent.dependsOn) assert.equal(stateOf.get(id), 'completed');
  }
  const { total, ...counts } = progressOf(agents);
  assert.equal(total, agents.length);
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    total,
  );
}

/** Whether nothing final keeps the agent from running. */
function couldRun({ session, agents }: Workflow, agent: Agent): boolean {
  const stateOf = new Map(agents.map(({ id, state }) => [id, state]));
  if (!agent.dependsOn.every((id) => stateOf.get(id) === 'completed')) return false;
  return (
    session.failurePolicy === 'continue' ||
    agents.every(({ id, state }) => state !== 'failed' || id === agent.id)
  );
}

/** Checks that exactly the agents start that the dependencies and limits allow, in order. */
function checkStarts(
  { session, agents }: Workflow,
  now: string,
  start: readonly Agent[],
  wait: readonly { readonly agent: Agent; readonly reason: string }[],
): void {
  const stateOf = new Map(agents.map((agent) => [agent.id, agent.state]));
  const stopped = session.failurePolicy === 'fail_fast' && agents.some((agent) => agent.state === 'failed');
  const ready = agents.filter(
    (agent) =>
      (agent.state === 'pending' || agent.state === 'resumable') &&
      !stopped &&
      agent.dependsOn.every((id) => stateOf.get(id) === 'completed'),
  );
  assert.deepEqual(new Set([...start, ...wait.map(({ agent }) => agent)]), new Set(ready));
  const busy = [...agents.filter((agent) => agent.state === 'running'), ...start];
  const { maxConcurrency, maxAgentsPerRole } = session.limits;
  const isHeld = (agent: Agent): boolean =>
    agents.some(
      ({ state, backend, notBefore }) =>
        state === 'resumable' && backend === agent.backend && notBefore !== null && notBefore > now,
    );
  assert.deepEqual(start.filter(isHeld), [], 'the provider has its rest');
  for (const { agent, reason } of wait) {
    assert.equal(reason === 'provider', isHeld(agent));
    if (reason === 'provider') continue;
    const later = start.filter((other) => agents.indexOf(other) > agents.indexOf(agent));
    const sameRole = (other: Agent): boolean => other.role.name === agent.role.name;
    if (reason === 'session_limit') {
      assert.equal(busy.length, maxConcurrency);
      assert.deepEqual(later, []);
    } else {
      assert.equal(reason, 'role_limit');
      assert.equal(busy.filter(sameRole).length, maxAgentsPerRole);
      assert.deepEqual(later.filter(sameRole), []);
    }
  }
}

/** Checks that exactly the agents are cancelled that can no longer run because of this agent's end. */
function checkConsequences(before: Workflow, ended: AgentId, { state }: AgentOutcome, after: Workflow): void {
  const failFast =
    before.session.failurePolicy === 'fail_fast' && after.agents.some((agent) => agent.state === 'failed');
  for (const agent of after.agents) {
    const was = agentOf(before, agent.id);
    if (agent.id === ended) {
      assert.equal(agent.state, state === 'resumable' && failFast ? 'cancelled' : state);
      continue;
    }
    const waited = was.state === 'pending' || was.state === 'resumable';
    const doomed = (state === 'failed' || state === 'cancelled') && above(after, agent).has(ended);
    if (waited && (doomed || failFast)) {
      assert.equal(agent.state, 'cancelled');
      assert.equal(agent.failure?.kind ?? null, doomed ? 'dependency_failed' : null);
    } else {
      assert.deepEqual(agent, was);
    }
  }
}

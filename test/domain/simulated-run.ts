import assert from 'node:assert/strict';
import type { Agent } from '../../src/domain/agent.ts';
import type { AgentId } from '../../src/domain/ids.ts';
import { progressOf } from '../../src/domain/orchestration.ts';
import { decideStarts, decideStops } from '../../src/domain/scheduling.ts';
import {
  type AgentOutcome,
  agentOf,
  type Change,
  cancelSession,
  cancelWaiting,
  finishSession,
  pauseSession,
  settleAgent,
  startAgents,
  startSession,
  type Workflow,
} from '../../src/domain/workflow.ts';
import { Ledger } from './ledger.ts';
import { created, deepFreeze, outcomes, time } from './samples.ts';
import type { Scenario } from './scenarios.ts';

/** What happened in a run, for the properties that look at it as a whole. */
export interface RunRecord {
  readonly final: Workflow;
  readonly ledger: Ledger;
  readonly interruptions: ReadonlyMap<AgentId, number>;
  /** Agents ready but held back by a limit, counted in every round. */
  readonly waits: number;
  /** Agents stopped under fail_fast. */
  readonly stops: number;
  /** The most agents that ran at once. */
  readonly widest: number;
}

/** Runs sessions as their owner would, with agents that end by dice; every state on the way is checked. */
class Simulation {
  readonly #scenario: Scenario;
  readonly #ledger = new Ledger();
  readonly #interruptions = new Map<AgentId, number>();
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
    const { endings, pauseRounds, cancelRound } = this.#scenario;
    const rounds = endings.length * (1 + pauseRounds.length) + pauseRounds.length;
    if (cancelRound !== 0) this.#apply(startSession(this.#workflow, this.#now()));
    for (let round = 0; this.#workflow.session.endedAt === null; round++) {
      assert.ok(round <= rounds, `not ended after ${rounds} rounds`);
      if (round === cancelRound) this.#cancel();
      else if (!this.#finish()) this.#play(pauseRounds.includes(round));
    }
    return {
      final: this.#workflow,
      ledger: this.#ledger,
      interruptions: this.#interruptions,
      waits: this.#waits,
      stops: this.#stops,
      widest: this.#widest,
    };
  }

  /** One round: what may start is started, then one or more of the running agents end, or all do in a pause. */
  #play(pause: boolean): void {
    this.#start();
    const running = this.#running();
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
      this.#end(agent as Agent, stopped && this.#roll(4) > 0 ? 'cancelled' : null);
      if (stopped) this.#stops += 1;
    }
  }

  #mustEnd(): boolean {
    return this.#workflow.agents.every((agent) => agent.endedAt !== null && agent.state !== 'resumable');
  }

  #start(): void {
    const { session, agents } = this.#workflow;
    const decision = decideStarts(session, agents);
    checkStarts(this.#workflow, decision.start, decision.wait);
    this.#waits += decision.wait.length;
    const room = (this.#scenario.machineLimit ?? Number.POSITIVE_INFINITY) - this.#running().length;
    const starts = decision.start.slice(0, Math.max(0, room)).map(({ id }) => id);
    if (starts.length > 0) this.#apply(startAgents(this.#workflow, starts, this.#now()));
    this.#widest = Math.max(this.#widest, this.#running().length);
  }

  #end({ id }: Agent, fate: 'resumable' | 'cancelled' | null): void {
    const index = this.#workflow.agents.findIndex((agent) => agent.id === id);
    const outcome: AgentOutcome = outcomes[fate ?? this.#scenario.endings[index] ?? 'completed'];
    const before = this.#workflow;
    this.#apply(settleAgent(before, id, { outcome, usage: null, conversation: null }, this.#now()));
    if (fate === 'resumable') this.#interruptions.set(id, (this.#interruptions.get(id) ?? 0) + 1);
    checkConsequences(before, id, outcome, this.#workflow);
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

/** @throws AssertionError as soon as the run breaks a rule that holds for every run */
export function simulate(scenario: Scenario): RunRecord {
  return new Simulation(scenario).run();
}

/** Every agent above this one, straight or through others. */
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

/** Neither more nor less may start than the dependencies and limits allow, and nobody is overtaken. */
function checkStarts(
  { session, agents }: Workflow,
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
  for (const { agent, reason } of wait) {
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

/** Exactly those are cancelled with an agent's end that can no longer run because of it. */
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

import assert from 'node:assert/strict';
import { type AgentStage, stageTransitions } from '../../src/domain/agent-stage.ts';
import type { DomainEvent } from '../../src/domain/events.ts';
import type { AgentId } from '../../src/domain/ids.ts';
import { canTransition } from '../../src/domain/transitions.ts';
import type { Workflow } from '../../src/domain/workflow.ts';

interface AgentLine {
  readonly phase: number;
  state: string;
  stage: AgentStage | null;
  attempt: number;
}

/**
 * The state that follows from the events alone. Rejects an event that cannot follow the earlier ones, so an accepted
 * sequence is valid.
 */
export class Ledger {
  session = 'none';
  readonly agents = new Map<AgentId, AgentLine>();
  readonly phases = new Map<number, string>();
  readonly events: DomainEvent[] = [];
  #failFast = false;
  #retrying = false;

  read(events: readonly DomainEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      if (event.type.startsWith('agent.')) this.#readAgent(event);
      else if (event.type.startsWith('phase.')) this.#readPhase(event);
      else this.#readSession(event);
    }
  }

  /** Checks that the stored state is the one that the events imply. */
  agreesWith({ session, agents, phases }: Workflow): void {
    assert.equal(this.session, session.state);
    assert.deepEqual(
      agents.map(({ id, state, stage, attempt }) => ({ id, state, stage, attempt })),
      [...this.agents].map(([id, { state, stage, attempt }]) => ({ id, state, stage, attempt })),
    );
    assert.deepEqual(
      phases.map(({ index, state }) => [index, state]),
      [...this.phases],
    );
  }

  started(id: AgentId): number {
    return this.events.filter((event) => event.type === 'agent.started' && event.agentId === id).length;
  }

  #readSession(event: DomainEvent): void {
    assert.equal(event.agentId, null);
    const moves: Readonly<Record<string, readonly [from: readonly string[], to: string]>> = {
      'session.created': [['none'], 'created'],
      'session.started': [['created'], 'running'],
      'session.paused': [['running'], 'paused'],
      'session.resumed': [['paused', 'failed'], 'running'],
      'session.completed': [['running', 'paused'], 'completed'],
      'session.failed': [['running', 'paused'], 'failed'],
      'session.cancelled': [['created', 'running', 'paused'], 'cancelled'],
    };
    if (event.type === 'session.retried') {
      this.#retrying = this.session === 'failed';
      assert.match(this.session, /^(failed|running|paused)$/);
      return;
    }
    const [from, to] = moves[event.type] ?? [[], ''];
    assert.ok(from.includes(this.session), `${event.type} while ${this.session}`);
    if (this.session === 'failed') assert.ok(this.#retrying, 'a failed session goes on for a retry only');
    this.#retrying = false;
    this.session = to;
    if (event.type === 'session.created') {
      this.#failFast = event.data.failurePolicy === 'fail_fast';
      for (const { id, phase } of event.data.agents)
        this.agents.set(id, { phase, state: 'pending', stage: null, attempt: 0 });
      const levels = new Set([...this.agents.values()].map(({ phase }) => phase));
      for (const phase of [...levels].sort((a, b) => a - b)) this.phases.set(phase, 'planned');
    }
    if (!['completed', 'failed', 'cancelled'].includes(to)) return;
    for (const { state } of this.agents.values()) assert.match(state, /^(completed|failed|cancelled)$/);
    for (const state of this.phases.values()) assert.match(state, /^(completed|failed|skipped)$/);
  }

  #readAgent(event: DomainEvent): void {
    const agent = this.agents.get(event.agentId as AgentId);
    assert.ok(agent, `${event.type} of an unknown agent`);
    if (event.type === 'agent.spawned') {
      enter(agent, 'executing');
      return;
    }
    if (event.type === 'agent.stage_changed') {
      assert.equal(event.data.previous, agent.stage);
      enter(agent, event.data.stage);
      return;
    }
    const moves: Readonly<Record<string, readonly [from: readonly string[], to: string]>> = {
      'agent.started': [['pending', 'resumable'], 'running'],
      'agent.completed': [['running'], 'completed'],
      'agent.failed': [['running'], 'failed'],
      'agent.cancelled': [['pending', 'running', 'resumable'], 'cancelled'],
      'agent.interrupted': [['running'], 'resumable'],
      'agent.postponed': [['running'], 'resumable'],
      'agent.retried': [['failed', 'cancelled'], 'pending'],
    };
    const [from, to] = moves[event.type] ?? [[], ''];
    assert.ok(from.includes(agent.state), `${event.type} while ${agent.state}`);
    const { stage } = agent;
    assert.ok(
      stage === null || canTransition(stageTransitions, stage, 'settled'),
      `${event.type} in ${stage}`,
    );
    agent.state = to;
    agent.stage = to === 'running' ? 'preparing' : null;
    assert.match(this.session, /^(running|paused|created)$/, `${event.type} after the end of the session`);
    if (event.type !== 'agent.started') return;
    agent.attempt += 1;
    assert.equal(event.data.attempt, agent.attempt);
    assert.equal(this.session, 'running', 'agents start in running sessions only');
    assert.ok(
      !this.#failFast || this.#count('failed') === 0,
      'nothing starts after a failure under fail_fast',
    );
  }

  #readPhase(event: DomainEvent): void {
    assert.ok('phase' in event.data);
    const { phase } = event.data;
    const moves: Readonly<Record<string, readonly [from: readonly string[], to: string]>> = {
      'phase.started': [['planned', 'failed', 'skipped'], 'running'],
      'phase.completed': [['running'], 'completed'],
      'phase.failed': [['running'], 'failed'],
      'phase.skipped': [['planned'], 'skipped'],
    };
    const [from, to] = moves[event.type] ?? [[], ''];
    const before = this.phases.get(phase) ?? '';
    assert.ok(from.includes(before), `${event.type} of phase ${phase}, which is ${before}`);
    this.phases.set(phase, to);
    const members = [...this.agents.values()].filter((agent) => agent.phase === phase);
    const attempted = members.some((agent) => agent.attempt > 0);
    assert.equal(attempted, to !== 'skipped', 'a phase is skipped exactly if none of its agents ran');
    if (to === 'running') return;
    assert.equal(
      members.every((agent) => agent.state === 'completed'),
      to === 'completed',
    );
    assert.ok(members.every((agent) => /^(completed|failed|cancelled)$/.test(agent.state)));
  }

  #count(state: string): number {
    return [...this.agents.values()].filter((agent) => agent.state === state).length;
  }
}

function enter(agent: AgentLine, stage: AgentStage): void {
  assert.equal(agent.state, 'running');
  assert.ok(
    agent.stage !== null && canTransition(stageTransitions, agent.stage, stage),
    `${agent.stage} ${stage}`,
  );
  agent.stage = stage;
}

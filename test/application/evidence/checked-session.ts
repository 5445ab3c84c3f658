import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lease } from '../../../src/application/ports/ownership.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { agentEvent, type DomainEvent } from '../../../src/domain/events.ts';
import { makeSessionId, type SessionId } from '../../../src/domain/ids.ts';
import { makePlan, type PlanRequest } from '../../../src/domain/plan.ts';
import {
  finishProgram,
  recordCommit,
  recordWorktree,
  reportCheck,
  startCheck,
  startFixRound,
} from '../../../src/domain/prove-agent.ts';
import { changeStage, recordSpawn, startAgents } from '../../../src/domain/running-agents.ts';
import { startSession } from '../../../src/domain/session-life.ts';
import { settleAgent } from '../../../src/domain/settle-agent.ts';
import { type Change, createWorkflow, type Workflow } from '../../../src/domain/workflow.ts';
import { agentRequest, location, planRequest, time } from '../../domain/samples.ts';
import type { RealProject } from '../../helpers/real-project.ts';

export const base = 'b'.repeat(40);
export const first = 'c'.repeat(40);
export const second = 'd'.repeat(40);
export const rules = { commands: ['npm test'], timeoutMs: 60_000, fixRounds: 2, protect: [] };

/** A stored session whose owner is this test: its course is recorded without running anything. */
export class RecordedSession {
  readonly real: RealProject;
  readonly id: SessionId;
  readonly #lease: Lease;
  #workflow: Workflow;
  #second = 2;

  constructor(real: RealProject, ulid: string, request: PlanRequest) {
    this.real = real;
    this.id = makeSessionId(ulid);
    const plan = makePlan(request);
    const suffixes = plan.agents.map((_, index) => `${ulid.slice(-5).toLowerCase()}${index}`);
    const created = createWorkflow(plan, { sessionId: this.id, suffixes }, time(0));
    this.#lease = real.project.store.create(created, real.project.instance);
    this.#workflow = created.next;
    this.decide((workflow) => startSession(workflow, time(1)));
  }

  get agent(): Agent {
    return this.#workflow.agents[0] as Agent;
  }

  decide(make: (workflow: Workflow, id: Agent['id'], at: string) => Change): void {
    const change = make(this.#workflow, this.agent.id, time(this.#second++));
    this.real.project.store.commit(this.#lease, this.#workflow, change);
    this.#workflow = change.next;
  }

  record(...events: readonly DomainEvent[]): void {
    this.decide((next) => ({ next, events }));
  }

  begin(): void {
    this.decide((workflow, id, at) => startAgents(workflow, [id], at));
    this.decide((workflow, id, at) =>
      recordWorktree(workflow, id, { branch: `maos/${this.id}/${this.agent.name}`, base }, at),
    );
    this.decide((workflow, id, at) => recordSpawn(workflow, id, location, at));
  }

  finish(result: string, commit: string): void {
    const report = { result, usage: null, conversation: null, activeMs: 1_500 };
    this.decide((workflow, id, at) => finishProgram(workflow, id, report, at));
    const diff = { files: 3, insertions: 40, deletions: 2 };
    this.decide((workflow, id, at) => recordCommit(workflow, id, { commit, diff }, at));
  }

  /** Writes the log of a check, as the check would. */
  check(exitCode: number, printed: string): void {
    const commit = this.agent.work?.commit ?? null;
    const subject = { commit, restored: exitCode === 0 ? [] : ['test/a|b.ts'] };
    this.decide((workflow, id, at) => startCheck(workflow, id, 'npm test', subject, at));
    const check = this.agent.proof?.checks ?? 0;
    const folder = this.real.project.host.checkLocation(this.agent, check);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'stdout.log'), printed);
    const report = {
      ...{ check, command: 'npm test', commit, exitCode, signal: null, reason: null },
      ...{ startedAt: time(20), endedAt: time(22), restored: subject.restored },
      logSha256: createHash('sha256').update(printed).digest('hex'),
      logBytes: printed.length,
    };
    this.decide((workflow, id, at) => reportCheck(workflow, id, report, printed, at));
  }

  fix(): void {
    this.decide((workflow, id, at) => startFixRound(workflow, id, 2, at));
    this.decide((workflow, id, at) => recordSpawn(workflow, id, location, at));
  }

  complete(result: string): void {
    this.decide((workflow, id, at) => changeStage(workflow, id, 'collecting', at));
    const report = { outcome: { state: 'completed', result } as const, usage: null, conversation: null };
    this.decide((workflow, id, at) => settleAgent(workflow, id, report, at));
  }
}

/** An agent that failed its check, mended its work, passed, and was landed by another session. */
export function landedSession(
  real: RealProject,
  said = 'Done. Fixes #1\n![](http://x)\n```',
): RecordedSession {
  const own = { name: 'builder', workspace: 'worktree', verify: rules, task: 'Build it.\nAll.' } as const;
  const session = new RecordedSession(
    real,
    '01K0ABCDEFGHJKMNPQRSTVWXYZ',
    planRequest([agentRequest(own)], { repository: { commit: base, branch: 'main' } }),
  );
  session.begin();
  session.finish('First.', first);
  session.check(1, 'not ok 1\n');
  session.fix();
  session.finish(said, second);
  session.check(0, 'ok 1\n');
  session.complete(said);
  const landing = new RecordedSession(
    real,
    '01K0ABCDEFGHJKMNPQRSTVWXZZ',
    planRequest([agentRequest({ ...own, lands: { sessionId: session.id, agentId: session.agent.id } })], {
      repository: { commit: base, branch: 'main' },
      landing: { sessionId: session.id, target: 'main', squash: false },
    }),
  );
  landing.begin();
  landing.finish('', second);
  landing.check(0, 'ok again\n');
  const moved = { name: 'builder', target: 'main', from: base, to: second, squash: false };
  landing.record(agentEvent('landing.moved', landing.agent, time(40), moved));
  landing.complete('');
  return session;
}

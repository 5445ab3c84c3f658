import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { finishProgram } from '../../domain/prove-agent.ts';
import type { QuotaPolicy } from '../../domain/quota.ts';
import { changeStage, recordSpawn } from '../../domain/running-agents.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { Clock } from '../ports/clock.ts';
import { type AgentLauncher, spawnFailed } from './agent-launcher.ts';
import type { RunEnd } from './agent-run.ts';
import type { AgentRuns } from './agent-runs.ts';
import type { AgentScheduler } from './agent-scheduler.ts';
import type { AgentWorktrees } from './agent-worktrees.ts';
import { checkImpossible } from './check-run.ts';
import type { EndCollector } from './end-collector.ts';
import { type Ending, endingOf, laterEnding } from './ending.ts';
import { applyQuotaBackoff } from './quota-backoff.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionSuspender } from './session-suspender.ts';
import type { WorkKeeper } from './work-keeper.ts';
import type { WorkProver } from './work-prover.ts';

export interface EndSettlerDeps {
  readonly clock: Clock;
  readonly quota: QuotaPolicy;
  readonly record: SessionRecord;
  readonly runs: AgentRuns;
  readonly launcher: AgentLauncher;
  readonly scheduler: AgentScheduler;
  readonly suspender: SessionSuspender;
  readonly prover: WorkProver;
  readonly worktrees: AgentWorktrees;
  readonly keeper: WorkKeeper;
  readonly collector: EndCollector;
}

/**
 * What follows the start and the end of a program: proof of the agent's work, if it is asked for; then its work is
 * kept, its files are recorded, and the agent is settled.
 */
export class EndSettler {
  readonly #deps: EndSettlerDeps;

  constructor(deps: EndSettlerDeps) {
    this.#deps = deps;
  }

  recordSpawned(): void {
    const { launcher, record } = this.#deps;
    for (const { agent, running } of launcher.takeSpawned()) {
      const at = this.#now();
      record.enterStage((workflow) => recordSpawn(workflow, agent.id, running.location, at));
    }
  }

  /** Continues with every agent whose program, check or file scan has ended. */
  async settleEnded(): Promise<void> {
    const { launcher, runs, prover, keeper, collector, record } = this.#deps;
    for (const { agent, error } of launcher.takeFailed()) {
      if (agent.stage === 'verifying')
        this.#settle(agent.id, this.#uncheckable(agent.id, error), this.#now());
      else this.#settle(agent.id, spawnFailed(error), this.#now());
    }
    const endings = runs.takeEnds().flatMap((end) => this.#endingsOf(end));
    endings.push(...(await prover.step()));
    for (const ending of endings) {
      this.#enterCollecting(ending.agent.id);
      keeper.add(ending);
    }
    this.#collectKept();
    this.#settleCollected();
    collector.begin(record.workflow);
  }

  #uncheckable(id: AgentId, error: unknown): AgentReport {
    const agent = agentOf(this.#deps.record.workflow, id);
    const outcome = { state: 'failed', failure: checkImpossible(error), result: agent.result } as const;
    return laterEnding(agent, outcome).report('');
  }

  #endingsOf(end: RunEnd): readonly Ending[] {
    if (end.run.isCheck) {
      const ending = this.#deps.prover.ended(end);
      return ending === null ? [] : [ending];
    }
    return this.#settleNeverStarted(end) || this.#finish(end) ? [] : [endingOf(end)];
  }

  /** An agent that never ran has left nothing to collect. */
  #settleNeverStarted({ run, end, stop }: RunEnd): boolean {
    const { id } = run.agent;
    const { stage } = agentOf(this.#deps.record.workflow, id);
    if (end.how !== 'never_started' || stage !== 'preparing') return false;
    this.#settle(id, run.report(end, stop, ''), this.#now());
    return true;
  }

  /** @returns whether the agent's program has finished and its work is to be proven */
  #finish({ run, end, stop }: RunEnd): boolean {
    const { record, runs } = this.#deps;
    const { id } = run.agent;
    const { stage, verify, lands, proof } = agentOf(record.workflow, id);
    if ((verify === null && lands === null) || stage === 'collecting' || proof?.isDue === true) return false;
    const { outcome, ...report } = run.report(end, stop, '');
    if (outcome.state !== 'completed') return false;
    const at = this.#now();
    const { stopped, agent } = endingOf({ run, end, stop });
    const before: DomainEvent[] =
      stopped === null ? [] : [agentEvent('agent.stopped', agent, at, { name: agent.name, ...stopped })];
    const { next, events } = finishProgram(record.workflow, id, { ...report, result: outcome.result }, at);
    record.decide({ next, events: [...before, ...events] });
    runs.remove(id);
    return true;
  }

  #enterCollecting(id: AgentId): void {
    const { record } = this.#deps;
    const { stage } = agentOf(record.workflow, id);
    // 'collecting': the previous owner reached this stage. 'preparing': the store refused to record the spawn.
    if (stage === 'collecting' || stage === 'preparing') return;
    const at = this.#now();
    record.enterStage((workflow) => changeStage(workflow, id, 'collecting', at));
  }

  #collectKept(): void {
    const { keeper, record, worktrees, collector } = this.#deps;
    const kept = keeper.take();
    for (const { ending, work } of kept) {
      if (work !== null) record.decide(worktrees.changeOf(record.workflow, ending.agent, work));
    }
    collector.add(kept.map(({ ending }) => ending));
  }

  #settleCollected(): void {
    const { collector, record, quota } = this.#deps;
    const collected = collector.take();
    if (collected === null) return;
    const { endings, tails, found, at } = collected;
    record.decide({ next: record.workflow, events: found.events }, found.records);
    for (const [index, ending] of endings.entries()) {
      const { stopped, retryAt } = ending;
      const { id, name } = ending.agent;
      const told = ending.report(tails[index] ?? '');
      const agent = agentOf(record.workflow, id);
      const report = applyQuotaBackoff(told, agent, retryAt, quota, at);
      const events: DomainEvent[] =
        stopped === null ? [] : [agentEvent('agent.stopped', agent, at, { name, ...stopped })];
      this.#settle(id, report, at, events);
    }
  }

  #settle(id: AgentId, report: AgentReport, at: string, before: readonly DomainEvent[] = []): void {
    const { record, launcher, scheduler, suspender, prover } = this.#deps;
    record.settle(id, report, at, before);
    launcher.forget(id);
    scheduler.forget(id);
    suspender.forget(id);
    prover.forget(id);
  }

  #now(): string {
    return this.#deps.clock.now();
  }
}

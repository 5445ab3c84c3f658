import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { QuotaPolicy } from '../../domain/quota.ts';
import { changeStage, recordSpawn } from '../../domain/running-agents.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { Clock } from '../ports/clock.ts';
import { type AgentLauncher, spawnFailed } from './agent-launcher.ts';
import type { RunEnd } from './agent-run.ts';
import type { AgentScheduler } from './agent-scheduler.ts';
import type { EndCollector } from './end-collector.ts';
import { applyQuotaBackoff } from './quota-backoff.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionSuspender } from './session-suspender.ts';

export interface EndSettlerDeps {
  readonly clock: Clock;
  readonly quota: QuotaPolicy;
  readonly record: SessionRecord;
  readonly launcher: AgentLauncher;
  readonly scheduler: AgentScheduler;
  readonly suspender: SessionSuspender;
  readonly collector: EndCollector;
}

/** Records that agents were spawned, could not be started, or ended, and the files that they left. */
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

  /** Settles agents whose files have been scanned, and starts scanning those of the others. */
  settleEnded(): void {
    const { launcher, collector, record } = this.#deps;
    for (const { agent, error } of launcher.takeFailed()) {
      this.#settle(agent.id, spawnFailed(error), this.#now());
    }
    const left = launcher.takeEnds().filter((end) => !this.#settleNeverStarted(end));
    for (const { run } of left) this.#enterCollecting(run.agent.id);
    collector.add(left);
    this.#settleCollected();
    collector.begin(record.workflow);
  }

  /** An agent that never ran has left nothing to collect. */
  #settleNeverStarted({ run, end, stop }: RunEnd): boolean {
    const { id } = run.agent;
    const { stage } = agentOf(this.#deps.record.workflow, id);
    if (end.how !== 'never_started' || stage !== 'preparing') return false;
    this.#settle(id, run.report(end, stop, ''), this.#now());
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

  #settleCollected(): void {
    const { collector, record, quota } = this.#deps;
    const collected = collector.take();
    if (collected === null) return;
    const { ends, tails, found, at } = collected;
    record.decide({ next: record.workflow, events: found.events }, found.records);
    for (const [index, { run, end, stop }] of ends.entries()) {
      const { id, name } = run.agent;
      const told = run.report(end, stop, tails[index] ?? '');
      const report = applyQuotaBackoff(told, agentOf(record.workflow, id), run.retryAt, quota, at);
      const ended = stop ?? (end.how === 'exited' ? (end.strays ?? null) : null);
      const stopped: DomainEvent[] =
        ended === null ? [] : [agentEvent('agent.stopped', run.agent, at, { name, ...ended })];
      this.#settle(id, report, at, stopped);
    }
  }

  #settle(id: AgentId, report: AgentReport, at: string, before: readonly DomainEvent[] = []): void {
    const { record, launcher, scheduler, suspender } = this.#deps;
    record.settle(id, report, at, before);
    launcher.forget(id);
    scheduler.forget(id);
    suspender.forget(id);
  }

  #now(): string {
    return this.#deps.clock.now();
  }
}

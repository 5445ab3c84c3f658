import type { Agent } from '../../domain/agent.ts';
import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import { accountOf } from '../../domain/fallback.ts';
import type { AgentId } from '../../domain/ids.ts';
import { decideStarts, heldBackends, type WaitReason } from '../../domain/scheduling.ts';
import type { WaitCause } from '../../domain/waiting.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { Project } from '../project.ts';
import { admit } from './admission.ts';
import type { AgentLauncher } from './agent-launcher.ts';
import type { SessionRecord } from './session-record.ts';
import type { SlotManager } from './slot-manager.ts';
import type { WakeSignal } from './wake-signal.ts';

/** The parts of the project that scheduling needs. */
export type SchedulerProject = Pick<Project, 'clock' | 'settings'> & {
  readonly host: Pick<Project['host'], 'capacity'>;
  readonly files: Pick<SessionFiles, 'environment'>;
};

interface SchedulerDeps {
  readonly project: SchedulerProject;
  readonly record: SessionRecord;
  readonly slots: SlotManager;
  readonly wakeSignal: WakeSignal;
  readonly launcher: AgentLauncher;
}

interface Wait {
  readonly agent: Agent;
  readonly why: WaitCause | null;
}

/** Interval between checks of the machine's memory. */
const memoryMs = 500;
/** Timers cannot wait much longer than three weeks, so the scheduler checks again after an hour at the latest. */
const longestWaitMs = 3_600_000;

/** Starts ready agents as far as every limit allows, and records why the others wait. */
export class AgentScheduler {
  readonly #deps: SchedulerDeps;
  /** The last reported reason of each waiting agent. For memory only the cause, because its numbers change constantly. */
  readonly #reported = new Map<AgentId, string>();

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  forget(id: AgentId): void {
    this.#reported.delete(id);
  }

  async startReady(): Promise<void> {
    const { project, record, slots, wakeSignal, launcher } = this.#deps;
    const { settings, clock } = project;
    const { session, agents } = record.workflow;
    const now = clock.now();
    const decision = decideStarts(session, agents, now, {
      maxConcurrency: settings.maxConcurrentAgents.session,
      maxAgentsPerRole: settings.maxConcurrentAgents.role,
    });
    const held = heldBackends(agents, now);
    this.#wakeFor([...held.values()], now);
    const lacking = decision.start.length > 0 ? project.files.environment(session.id).missing : [];
    if (lacking.length > 0) {
      const why: WaitCause = { cause: 'environment', missing: lacking };
      this.#reportWaiting(decision.start.map((agent) => ({ agent, why })));
      return;
    }
    const admission = admit(decision.start, project.host.capacity);
    if (admission.wait.length > 0) wakeSignal.schedule('memory', memoryMs);
    const onMachine = slots.take(admission.start);
    this.#reportWaiting([
      ...decision.wait.map(({ agent, reason }) => {
        const { session: inSession, role: ofRole } = settings.maxConcurrentAgents;
        const causes: Readonly<Record<WaitReason, WaitCause>> = {
          provider: { cause: 'provider', until: held.get(accountOf(agent)) ?? now },
          session_limit: { cause: 'session_limit', limit: session.limits.maxConcurrency ?? inSession },
          role_limit: { cause: 'role_limit', limit: session.limits.maxAgentsPerRole ?? ofRole },
        };
        return { agent, why: causes[reason] };
      }),
      ...onMachine.wait.map((agent) => ({ agent, why: onMachine.why })),
      ...admission.wait.map((agent) => ({ agent, why: admission.why })),
    ]);
    if (onMachine.start.length === 0) return;
    for (const { id } of onMachine.start) this.#reported.delete(id);
    await launcher.start(onMachine.start);
  }

  #wakeFor(times: readonly string[], now: string): void {
    const first = times.toSorted()[0];
    if (first === undefined) return;
    const waitMs = Math.max(1, Date.parse(first) - Date.parse(now));
    this.#deps.wakeSignal.schedule('provider', Math.min(waitMs, longestWaitMs));
  }

  #reportWaiting(waits: readonly Wait[]): void {
    const { project, record } = this.#deps;
    const at = project.clock.now();
    const events: DomainEvent[] = [];
    for (const { agent, why } of waits) {
      if (why === null) continue;
      const kind = why.cause === 'memory' ? why.cause : JSON.stringify(why);
      if (this.#reported.get(agent.id) === kind) continue;
      this.#reported.set(agent.id, kind);
      events.push(agentEvent('agent.waiting', agent, at, { name: agent.name, ...why }));
    }
    record.decide({ next: record.workflow, events });
  }
}

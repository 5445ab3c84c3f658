import { activeMs, withMeasured } from './active-time.ts';
import { advance } from './advance.ts';
import { type Agent, type AgentFailure, moveAgent, type PermissionDenials } from './agent.ts';
import { stageTransitions } from './agent-stage.ts';
import { denialEvents } from './denials.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { Fallback } from './fallback.ts';
import type { AgentId } from './ids.ts';
import { fallBack, fellBack, moveStage, usageNow } from './running-agents.ts';
import { canTransition } from './transitions.ts';
import type { ReportedUsage } from './usage.ts';
import { agentOf, type Change, type Workflow, withAgents } from './workflow.ts';

/** How an attempt of an agent ended. */
export type AgentOutcome =
  | { readonly state: 'completed'; readonly result: string }
  | { readonly state: 'failed'; readonly failure: AgentFailure; readonly result: string | null }
  | { readonly state: 'cancelled'; readonly reason: string }
  /**
   * `notBefore`: its provider refuses it until then. `fallback`: it continues on that backend. `afresh`: its
   * conversation cannot be resumed. `rerun`: its host was lost, and it is run again for the n-th time.
   */
  | {
      readonly state: 'resumable';
      readonly reason: string;
      readonly notBefore?: string;
      readonly fallback?: Fallback;
      readonly afresh?: true;
      readonly rerun?: number;
    };

export interface AgentReport {
  readonly outcome: AgentOutcome;
  readonly usage: ReportedUsage | null;
  /** The conversation to resume; null if the attempt has reported none. */
  readonly conversation: string | null;
  readonly denials?: PermissionDenials | null;
  readonly subagents?: number;
  /** The measured run time of the attempt; missing: computed from the machine's clock and the recorded times. */
  readonly activeMs?: number;
}

/** Records how a running agent ended, with all consequences. */
export function settleAgent(workflow: Workflow, id: AgentId, report: AgentReport, at: string): Change {
  const { agent: before, events } = readyToSettle(agentOf(workflow, id), at);
  const { outcome } = report;
  const moved = moveAgent(before, outcome.state, at, {
    failure: outcome.state === 'failed' ? outcome.failure : null,
    result: outcome.state === 'completed' || outcome.state === 'failed' ? outcome.result : before.result,
    usage: usageNow(before, report.usage, report.conversation),
    conversation: isAfresh(outcome) ? null : (report.conversation ?? before.conversation),
    denials: report.denials ?? before.denials,
    subagents: report.subagents ?? before.subagents,
    ...afterRefusal(before, outcome),
    reruns: (outcome.state === 'resumable' ? outcome.rerun : null) ?? before.reruns,
  });
  const fallback = outcome.state === 'resumable' ? outcome.fallback : undefined;
  const placed = fallback === undefined ? moved : fallBack(moved, fallback);
  const agent = report.activeMs === undefined ? placed : withMeasured(placed, report.activeMs);
  const change = {
    next: withAgents(workflow, new Map([[id, agent]])),
    events: [...events, ...denialEvents(before, agent, at), outcomeEvent(before, agent, outcome, at)],
  };
  return advance(change, at);
}

/** Prepares an agent for settling: if its stage `collecting` was not recorded, it passes through that stage now. */
function readyToSettle(agent: Agent, at: string): { agent: Agent; events: DomainEvent[] } {
  const { stage } = agent;
  const isReady = stage === null || canTransition(stageTransitions, stage, 'settled');
  return isReady ? { agent, events: [] } : moveStage(agent, 'collecting', at);
}

function outcomeEvent(before: Agent, agent: Agent, outcome: AgentOutcome, at: string): DomainEvent {
  const { name, usage } = agent;
  const isProgram = agent.command !== null;
  const durationMs = activeMs(agent, Date.parse(at));
  switch (outcome.state) {
    case 'completed':
      return agentEvent('agent.completed', agent, at, {
        ...{ name, durationMs, result: outcome.result, usage },
        isProgram,
      });
    case 'failed': {
      const { kind, message } = outcome.failure;
      return agentEvent('agent.failed', agent, at, { name, durationMs, kind, message, usage });
    }
    case 'cancelled':
      return agentEvent('agent.cancelled', agent, at, {
        name,
        durationMs,
        reason: outcome.reason,
        kind: null,
        usage,
      });
    case 'resumable':
      if (outcome.fallback !== undefined) {
        return fellBack(before, outcome.fallback, { durationMs, reason: outcome.reason, usage }, at);
      }
      return outcome.notBefore === undefined
        ? agentEvent('agent.interrupted', agent, at, {
            ...{ name, durationMs, reason: outcome.reason, usage },
            ...(outcome.rerun === undefined ? {} : { rerun: outcome.rerun }),
          })
        : agentEvent('agent.postponed', agent, at, {
            name,
            durationMs,
            until: outcome.notBefore,
            reason: outcome.reason,
            usage,
          });
  }
}

/** The fields that a refusal by the agent's provider changes. */
function afterRefusal(before: Agent, outcome: AgentOutcome): Pick<Agent, 'postponed'> & Partial<Agent> {
  if (outcome.state !== 'resumable') return { postponed: 0 };
  const { fallback, notBefore = fallback?.notBefore ?? null } = outcome;
  if (notBefore !== null) return { notBefore, postponed: before.postponed + 1 };
  return { postponed: fallback === undefined ? 0 : before.postponed };
}

function isAfresh(outcome: AgentOutcome): boolean {
  return outcome.state === 'resumable' && outcome.afresh === true;
}

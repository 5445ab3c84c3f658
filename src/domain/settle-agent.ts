import { activeMs, withMeasured } from './active-time.ts';
import { advance } from './advance.ts';
import { type Agent, type AgentFailure, moveAgent, type PermissionDenials } from './agent.ts';
import { stageTransitions } from './agent-stage.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { AgentId } from './ids.ts';
import { moveStage, usageNow } from './running-agents.ts';
import { canTransition } from './transitions.ts';
import type { Usage } from './usage.ts';
import { agentOf, type Change, type Workflow, withAgents } from './workflow.ts';

/** How an agent's run ended. */
export type AgentOutcome =
  | { readonly state: 'completed'; readonly result: string }
  | { readonly state: 'failed'; readonly failure: AgentFailure; readonly result: string | null }
  | { readonly state: 'cancelled'; readonly reason: string }
  /** `notBefore`: its provider put it off until then. `afresh`: its conversation cannot be gone on with. */
  | {
      readonly state: 'resumable';
      readonly reason: string;
      readonly notBefore?: string;
      readonly afresh?: true;
    };

export interface AgentReport {
  readonly outcome: AgentOutcome;
  readonly usage: Usage | null;
  /** With which it can be resumed; null when none was heard of since it started. */
  readonly conversation: string | null;
  readonly denials?: PermissionDenials | null;
  /** How long the attempt has run, as it was measured; absent: as the machine's clock and what is recorded of it tell. */
  readonly activeMs?: number;
}

/** Records how a running agent ended, and everything that follows from it. */
export function settleAgent(workflow: Workflow, id: AgentId, report: AgentReport, at: string): Change {
  const { agent: before, events } = readyToSettle(agentOf(workflow, id), at);
  const { outcome } = report;
  const moved = moveAgent(before, outcome.state, at, {
    failure: outcome.state === 'failed' ? outcome.failure : null,
    result: outcome.state === 'completed' || outcome.state === 'failed' ? outcome.result : before.result,
    usage: usageNow(before, report.usage, report.conversation),
    conversation: isAfresh(outcome) ? null : (report.conversation ?? before.conversation),
    denials: report.denials ?? before.denials,
    ...(outcome.state === 'resumable' && outcome.notBefore !== undefined
      ? { notBefore: outcome.notBefore, postponed: before.postponed + 1 }
      : { postponed: 0 }),
  });
  const agent = report.activeMs === undefined ? moved : withMeasured(moved, report.activeMs);
  const change = {
    next: withAgents(workflow, new Map([[id, agent]])),
    events: [...events, outcomeEvent(agent, outcome, at)],
  };
  return advance(change, at);
}

/** As an agent is settled from: one that nobody saw collecting passes that stage with its end. */
function readyToSettle(agent: Agent, at: string): { agent: Agent; events: DomainEvent[] } {
  const { stage } = agent;
  const isReady = stage === null || canTransition(stageTransitions, stage, 'settled');
  return isReady ? { agent, events: [] } : moveStage(agent, 'collecting', at);
}

function outcomeEvent(agent: Agent, outcome: AgentOutcome, at: string): DomainEvent {
  const { name, usage } = agent;
  const durationMs = activeMs(agent, Date.parse(at));
  switch (outcome.state) {
    case 'completed':
      return agentEvent('agent.completed', agent, at, { name, durationMs, result: outcome.result, usage });
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
      return outcome.notBefore === undefined
        ? agentEvent('agent.interrupted', agent, at, { name, durationMs, reason: outcome.reason, usage })
        : agentEvent('agent.postponed', agent, at, {
            name,
            durationMs,
            until: outcome.notBefore,
            reason: outcome.reason,
            usage,
          });
  }
}

function isAfresh(outcome: AgentOutcome): boolean {
  return outcome.state === 'resumable' && outcome.afresh === true;
}

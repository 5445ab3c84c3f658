import type { Agent } from '../../domain/agent.ts';
import { decideFallback } from '../../domain/fallback.ts';
import { decideQuota, postponedUntil, type QuotaPolicy } from '../../domain/quota.ts';
import type { AgentReport } from '../../domain/settle-agent.ts';

/**
 * A provider's refusal is not a failure of the agent: the agent is rescheduled, for the time that the provider named or
 * with a delay that grows with each refusal, or continues on another of its backends. Returns any other report
 * unchanged.
 * @param retryAt when the provider accepts again, if it said so
 */
export function applyQuotaBackoff(
  report: AgentReport,
  agent: Agent,
  retryAt: string | null,
  policy: QuotaPolicy,
  now: string,
): AgentReport {
  const { outcome } = report;
  if (outcome.state !== 'failed' || outcome.failure.kind !== 'rate_limited') return report;
  // Another host may take it earlier, and its placement knows until when each is refused.
  const named = agent.pool === null ? retryAt : null;
  const decision = decideQuota({ retryAt: named, postponed: agent.postponed }, policy, now, Math.random());
  const notBefore = postponedUntil(decision, policy, now);
  const fallback = decideFallback(agent, notBefore, now);
  if (fallback !== null) {
    return { ...report, outcome: { state: 'resumable', reason: outcome.failure.message, fallback } };
  }
  const times = agent.postponed + 1;
  const count = `consecutive refusals: ${times}${decision.kind === 'pause' ? ', the session pauses' : ''}`;
  return {
    ...report,
    outcome: { state: 'resumable', reason: `${outcome.failure.message} (${count})`, notBefore },
  };
}

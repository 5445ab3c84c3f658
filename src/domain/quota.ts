import type { Agent } from './agent.ts';
import { withoutRefusals } from './backend-choice.ts';
import { startSession } from './session-life.ts';
import type { Change, Workflow } from './workflow.ts';

/** How to handle a provider that refuses temporarily. */
export interface QuotaPolicy {
  /** The session pauses after this many consecutive refusals. */
  readonly maxRetries: number;
  /** The first delay; each further one is twice as long. */
  readonly baseDelayMs: number;
  /** For a longer wait the session pauses instead. */
  readonly maxDelayMs: number;
}

export type QuotaDecision =
  /** Retry automatically at that time. */
  | { readonly kind: 'retry'; readonly at: string }
  /** Pause the session; `resumeAt` is when the provider is expected to accept again, if known. */
  | { readonly kind: 'pause'; readonly resumeAt: string | null };

/** Ignore a retry time further in the future than this. */
const longestBelievedMs = 366 * 24 * 3_600_000;

/**
 * What to do with an agent whose provider refused it. The back-off is a minimum: a provider with a retry time in the
 * past, or with an implausible one, is not asked sooner than one without.
 * @param refusal `retryAt`: the provider's retry time; `postponed`: number of consecutive refusals before this one
 * @param chance from 0 to 1; spreads the retries of agents that were refused together
 */
export function decideQuota(
  refusal: { readonly retryAt: string | null; readonly postponed: number },
  policy: QuotaPolicy,
  now: string,
  chance: number,
): QuotaDecision {
  const nowMs = Date.parse(now);
  const namedMs = namedDelay(refusal.retryAt, nowMs);
  const delayMs = Math.max(policy.baseDelayMs * 2 ** Math.min(refusal.postponed, 30), namedMs);
  if (refusal.postponed >= policy.maxRetries || delayMs > policy.maxDelayMs) {
    // A retry time within the reach of a retry would end the pause immediately.
    return { kind: 'pause', resumeAt: namedMs > policy.maxDelayMs ? refusal.retryAt : null };
  }
  // Adds at most a quarter and never subtracts, because a provider means the time that it names.
  const jittered = Math.min(policy.maxDelayMs * 1.25, delayMs * (1 + chance / 4));
  return { kind: 'retry', at: new Date(nowMs + Math.round(jittered)).toISOString() };
}

/** The time from which a provider says that it accepts again; null: it names none that is plausible. */
export function plausibleRetry(retryAt: string | null, now: string): string | null {
  return namedDelay(retryAt, Date.parse(now)) === 0 ? null : retryAt;
}

/** How long the provider asks to wait, in milliseconds; 0 without a plausible time. */
function namedDelay(retryAt: string | null, nowMs: number): number {
  const delayMs = Date.parse(retryAt ?? '') - nowMs;
  return delayMs > 0 && delayMs <= longestBelievedMs ? delayMs : 0;
}

/** When to retry an agent whose provider named no time, so that a pause knows when to end. */
export function postponedUntil(decision: QuotaDecision, policy: QuotaPolicy, now: string): string {
  if (decision.kind === 'retry') return decision.at;
  return decision.resumeAt ?? new Date(Date.parse(now) + policy.maxDelayMs).toISOString();
}

/**
 * Whether the session must pause because agents wait too long or were refused too often, with the time when the last of
 * them may continue. Derived from the agents alone, so that a new owner decides the same.
 */
export function quotaPause(
  agents: readonly Agent[],
  policy: QuotaPolicy,
  now: string,
): { readonly resumeAt: string } | null {
  let resumeAt: string | null = null;
  const patientUntil = Date.parse(now) + policy.maxDelayMs * 1.25;
  for (const { state, notBefore, postponed } of agents) {
    if (state !== 'resumable' || notBefore === null || notBefore <= now) continue;
    if (postponed <= policy.maxRetries && Date.parse(notBefore) <= patientUntil) continue;
    if (resumeAt === null || resumeAt < notBefore) resumeAt = notBefore;
  }
  return resumeAt === null ? null : { resumeAt };
}

/**
 * Resumes a paused session. Forgets the times that providers asked for, because a resume means to try now.
 * @throws MaosError INVALID_TRANSITION
 */
export function resumeSession(workflow: Workflow, at: string): Change {
  const { next, events } = startSession(workflow, at);
  const agents = next.agents
    .map(withoutRefusals)
    .map((agent) =>
      agent.notBefore === null && agent.postponed === 0 ? agent : { ...agent, notBefore: null, postponed: 0 },
    );
  return { next: { ...next, agents }, events };
}

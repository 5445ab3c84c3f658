import type { Agent } from './agent.ts';
import { withoutRefusals } from './backend-choice.ts';
import { startSession } from './session-life.ts';
import type { Change, Workflow } from './workflow.ts';

/** How patient MAOS is with a provider that refuses for a while. */
export interface QuotaPolicy {
  /** After this many refusals in a row the session pauses. */
  readonly maxRetries: number;
  /** The first wait; each further one is twice as long. */
  readonly baseDelayMs: number;
  /** A longer wait is no retry any more but a pause. */
  readonly maxDelayMs: number;
}

export type QuotaDecision =
  /** Try again by itself at the time. */
  | { readonly kind: 'retry'; readonly at: string }
  /** The session pauses; `resumeAt` is when the provider is expected to answer again, if that is known. */
  | { readonly kind: 'pause'; readonly resumeAt: string | null };

/** A provider that names a later time than this is not believed. */
const longestBelievedMs = 366 * 24 * 3_600_000;

/**
 * What to do with an agent whose provider refused it. The back-off is a floor: a provider that names a time that has
 * passed, or none that can be believed, is asked no sooner than one that names none.
 * @param refusal `retryAt` as the provider named it, `postponed`: how often in a row it has refused before
 * @param chance 0 up to 1: agents refused together must not come back together
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
    // A time within the reach of a retry would make the pause no pause.
    return { kind: 'pause', resumeAt: namedMs > policy.maxDelayMs ? refusal.retryAt : null };
  }
  // A quarter at most, and only later: a provider that named a time means it.
  const jittered = Math.min(policy.maxDelayMs * 1.25, delayMs * (1 + chance / 4));
  return { kind: 'retry', at: new Date(nowMs + Math.round(jittered)).toISOString() };
}

/** How long the provider wants to be left alone, 0 where it does not say so credibly. */
function namedDelay(retryAt: string | null, nowMs: number): number {
  const delayMs = Date.parse(retryAt ?? '') - nowMs;
  return delayMs > 0 && delayMs <= longestBelievedMs ? delayMs : 0;
}

/** When an agent is retried if its provider named no time, so that a pause knows when to end. */
export function postponedUntil(decision: QuotaDecision, policy: QuotaPolicy, now: string): string {
  if (decision.kind === 'retry') return decision.at;
  return decision.resumeAt ?? new Date(Date.parse(now) + policy.maxDelayMs).toISOString();
}

/**
 * Whether the session has to pause because agents wait too long or were refused too often; with the time at which the
 * last of them may go on. Told from the agents alone, so that whoever takes the session over comes to the same.
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
 * Lets a paused session run again. Whoever resumes it wants it to be tried now: what providers asked for is forgotten.
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

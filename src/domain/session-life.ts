import { inactiveFor } from './active-time.ts';
import { sessionEvent } from './events.ts';
import { progressOf } from './orchestration.ts';
import { decideOutcome } from './scheduling.ts';
import { moveSession, type PauseReason } from './session.ts';
import type { Change, Workflow } from './workflow.ts';

/** Starts the session: for the first time, or again after a pause or for a retry. */
export function startSession(workflow: Workflow, at: string): Change {
  const session = moveSession(workflow.session, 'running', at);
  const type = workflow.session.startedAt === null ? 'session.started' : 'session.resumed';
  return { next: { ...workflow, session }, events: [sessionEvent(type, session.id, at, {})] };
}

export function pauseSession(
  workflow: Workflow,
  pause: { reason: PauseReason; resumeAt?: string },
  at: string,
): Change {
  const session = moveSession(workflow.session, 'paused', at, pause);
  const data = { reason: pause.reason, resumeAt: pause.resumeAt ?? null };
  return { next: { ...workflow, session }, events: [sessionEvent('session.paused', session.id, at, data)] };
}

/** Ends a running or paused session when every agent has ended; null if work remains. */
export function finishSession(workflow: Workflow, at: string): Change | null {
  const outcome = decideOutcome(workflow.agents);
  const { state } = workflow.session;
  if (outcome === null || (state !== 'running' && state !== 'paused')) return null;
  const session = moveSession(workflow.session, outcome, at);
  const { completed, failed, cancelled } = progressOf(workflow.agents);
  const event =
    outcome === 'completed'
      ? sessionEvent('session.completed', session.id, at, { agents: completed })
      : sessionEvent('session.failed', session.id, at, { completed, failed, cancelled });
  return { next: { ...workflow, session }, events: [event] };
}

/**
 * Records that the machine's clock changed by more than the elapsed time: the machine slept, or the clock was set.
 * Sessions and agents did not run during that time.
 * @param byMs negative if the clock was set back
 */
export function recordClockChange(workflow: Workflow, byMs: number, at: string): Change {
  const event = sessionEvent('session.clock_changed', workflow.session.id, at, { byMs });
  const agents = workflow.agents.map((agent) =>
    agent.state === 'running' ? inactiveFor(agent, byMs) : agent,
  );
  return { next: { ...workflow, session: inactiveFor(workflow.session, byMs), agents }, events: [event] };
}

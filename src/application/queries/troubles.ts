import { isSinceEnd } from '../../domain/landing.ts';
import { isSessionEnded, type Session } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { landedBy, landingFailure } from '../landing/landing-report.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { newestEvents } from './newest-events.ts';

/**
 * A failure beside a session's work, or one that keeps MAOS from reaching an agent: MAOS retries it. Of an ended session,
 * why its work does not land.
 */
export interface Trouble {
  /** The failing part, or the agent's name. */
  readonly what: string;
  readonly reason: string;
  /** ISO 8601 time of the event that reported it. */
  readonly since: string;
}

/** Events that begin or end trouble. */
const telling = [
  'session.degraded',
  'session.restored',
  'session.taken_over',
  'agent.unreachable',
  'agent.reached',
  'agent.continued',
  'agent.started',
] as const;

/** Newest first. */
export function troublesOf(store: SessionStore, { session, agents }: Workflow): readonly Trouble[] {
  if (isSessionEnded(session.state)) return landingTroubles(store, session);
  const running = new Map<string, string>();
  for (const { id, name, state } of agents) if (state === 'running') running.set(id, name);
  const settled = new Set<string>();
  const found: Trouble[] = [];
  const note = (key: string, trouble: Trouble): void => {
    if (!settled.has(key)) found.push(trouble);
    settled.add(key);
  };
  for (const event of newestEvents(store, session.id, telling).toReversed()) {
    const { type, at, agentId, data } = event;
    if (type === 'session.degraded') note(data.part, { what: data.part, reason: data.reason, since: at });
    else if (type === 'session.restored') settled.add(data.part);
    else if (type === 'agent.unreachable') {
      const what = running.get(agentId ?? '');
      if (what !== undefined) note(agentId ?? '', { what, reason: data.reason, since: at });
    } else if (type === 'agent.reached' || type === 'agent.continued' || type === 'agent.started') {
      settled.add(agentId ?? '');
    } else if (type === 'session.taken_over') for (const id of running.keys()) settled.add(id);
  }
  return found;
}

/** Why the work of a completed session does not land by itself; none once a landing has begun. */
export function landingTroubles(
  store: Pick<SessionStore, 'events' | 'landingsOf' | 'load'>,
  session: Session,
): readonly Trouble[] {
  const landing = landedBy(store, session.id);
  if (landing !== null && isSinceEnd(landing.createdAt, session)) return [];
  const failure = landingFailure(store, session);
  if (failure === null) return [];
  const { reason, command } = failure.data;
  return [{ what: 'landing', reason: `${reason} Try again with: ${command}`, since: failure.at }];
}

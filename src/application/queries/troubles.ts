import { isSessionEnded } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { newestEvents } from './newest-events.ts';

/** A failure beside a session's work, or one that keeps MAOS from reaching an agent. MAOS retries it. */
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

/** Newest first; none for a session that has ended. */
export function troublesOf(store: SessionStore, { session, agents }: Workflow): readonly Trouble[] {
  if (isSessionEnded(session.state)) return [];
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

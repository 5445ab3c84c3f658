import { MaosError } from '../domain/errors.ts';
import type { RecordedEvent } from '../domain/events.ts';
import type { SessionId } from '../domain/ids.ts';
import { isSessionEnded, type SessionState } from '../domain/session.ts';
import { followEvents } from './event-feed.ts';
import type { SessionSummary } from './ports.ts';
import type { Project } from './project.ts';
import type { Supervisor } from './supervisor.ts';

/**
 * Asks for the session to be cancelled, whoever owns it. Where nobody does any more, this process takes it over and
 * does it. Cancelling a cancelled session is no error.
 * @param by who asks, for the event log: 'terminal', 'mcp'
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when the session ended otherwise
 */
export async function requestCancel(
  project: Project,
  supervisor: Supervisor,
  id: SessionId,
  by: string,
  reason: string,
): Promise<void> {
  const { store, watcher, clock, instances } = project;
  const { state } = store.summary(id).session;
  if (state === 'cancelled') return;
  if (isSessionEnded(state)) {
    throw new MaosError('INVALID_TRANSITION', `Session ${id} cannot be cancelled: it is already ${state}.`, {
      details: { sessionId: id, from: state, to: 'cancelled' },
    });
  }
  store.request({ sessionId: id, desired: 'cancelled', reason }, by, clock.now());
  watcher.notify();
  if (supervisor.owned.includes(id)) return;
  const owner = store.ownerOf(id);
  if (owner === null || !(await instances.isAlive(owner))) await supervisor.takeOver(id, owner);
}

export interface Waited {
  readonly summary: SessionSummary;
  /** False when the time was up (or the wait called off) first. */
  readonly settled: boolean;
}

/** Nothing more happens in it by itself: it ended, or waits for somebody. */
export function isSettled(state: SessionState): boolean {
  return isSessionEnded(state) || state === 'paused';
}

/**
 * Waits until the session ends or pauses, at most until the signal aborts.
 * @param options `onEvents` hears of every event after seq `after` (default: from now on), in order
 * @throws MaosError SESSION_NOT_FOUND
 */
export async function waitForSession(
  project: Project,
  id: SessionId,
  options: {
    readonly signal: AbortSignal;
    readonly after?: number;
    readonly onEvents?: (events: readonly RecordedEvent[]) => void;
  },
): Promise<Waited> {
  const { store } = project;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const check = (): boolean => isSettled(store.summary(id).session.state);
  const after = options.after ?? store.lastSeq(id);
  if (check() && store.lastSeq(id) <= after) return { summary: store.summary(id), settled: true };
  for await (const events of followEvents(project, id, after, signal)) {
    options.onEvents?.(events);
    if (check() && (events.at(-1)?.seq ?? 0) >= store.lastSeq(id)) ended.abort();
  }
  return { summary: store.summary(id), settled: check() };
}

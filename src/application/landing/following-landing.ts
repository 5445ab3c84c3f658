import type { SessionId } from '../../domain/ids.ts';
import { isSinceEnd } from '../../domain/landing.ts';
import type { Clock } from '../ports/clock.ts';

import type { SessionOwnership } from '../ports/session-ownership.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import { landedBy, landingFailure } from './landing-report.ts';

export interface FollowingLandingProject {
  readonly clock: Pick<Clock, 'after'>;
  readonly store: Pick<SessionReader, 'load' | 'landingsOf' | 'events'> & Pick<SessionOwnership, 'ownerOf'>;
}

const lookMs = 50;

/**
 * The session that lands a completed one's work by itself. The owner decides that after the session has completed, so
 * this waits until it is decided, or the signal aborts.
 * @returns null if its work does not land by itself, could not, or the signal aborted first
 */
export async function landingByItself(
  project: FollowingLandingProject,
  id: SessionId,
  signal: AbortSignal,
): Promise<SessionId | null> {
  const { store, clock } = project;
  while (!signal.aborted) {
    // Read first, because the owner keeps the session until the landing is stored.
    const isDecided = store.ownerOf(id) === null;
    const { session } = store.load(id);
    if (session.land !== 'auto' || session.state !== 'completed') return null;
    const landing = landedBy(store, id);
    if (landing !== null && isSinceEnd(landing.createdAt, session)) return landing.id;
    if (isDecided || landingFailure(store, session) !== null) return null;
    await new Promise<void>((resolve) => clock.after(lookMs, resolve));
  }
  return null;
}

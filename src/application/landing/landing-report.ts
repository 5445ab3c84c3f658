import type { RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import { isSinceEnd } from '../../domain/landing.ts';
import { type LandedWork, landingOutcome, outcomeEvents } from '../../domain/landing-outcome.ts';
import type { Session } from '../../domain/session.ts';
import type { LandedBy } from '../../domain/work-text.ts';
import type { SessionReader } from '../ports/session-reader.ts';

const maxEvents = 20_000;

type LandingFailure = Extract<RecordedEvent, { type: 'session.landing_failed' }>;

/** What became of each agent's work in a landing session; empty for any other session. */
export function landingReport(
  store: Pick<SessionReader, 'load' | 'events'>,
  id: SessionId,
): readonly LandedWork[] {
  const workflow = store.load(id);
  if (workflow.session.landing === null) return [];
  return landingOutcome(workflow, store.events(id, 0, maxEvents, outcomeEvents));
}

/** The newest session that lands the work of this one; null: there is none. */
export function landedBy(store: Pick<SessionReader, 'load' | 'landingsOf'>, id: SessionId): LandedBy | null {
  const [newest] = store.landingsOf(id);
  return newest === undefined ? null : store.load(newest).session;
}

/** Why a completed session could not land its work by itself, the latest failure; null: none since it ended. */
export function landingFailure(
  store: Pick<SessionReader, 'events'>,
  session: Session,
): LandingFailure | null {
  const failures = store.events(session.id, 0, maxEvents, [
    'session.landing_failed',
  ]) as readonly LandingFailure[];
  return failures.findLast(({ at }) => isSinceEnd(at, session)) ?? null;
}

import type { SessionId } from '../../domain/ids.ts';
import { type LandedWork, landingOutcome, outcomeEvents } from '../../domain/landing-outcome.ts';
import type { SessionReader } from '../ports/session-reader.ts';

const maxEvents = 20_000;

/** What became of each agent's work in a landing session; empty for any other session. */
export function landingReport(
  store: Pick<SessionReader, 'load' | 'events'>,
  id: SessionId,
): readonly LandedWork[] {
  const workflow = store.load(id);
  if (workflow.session.landing === null) return [];
  return landingOutcome(workflow, store.events(id, 0, maxEvents, outcomeEvents));
}

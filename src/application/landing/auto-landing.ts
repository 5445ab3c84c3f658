import { startOf } from '../../domain/cut-text.ts';
import { isMaosError } from '../../domain/errors.ts';
import { sessionEvent } from '../../domain/events.ts';
import { isSinceEnd } from '../../domain/landing.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { PlanStoreProject } from '../control/store-plan.ts';
import type { Log } from '../ports/log.ts';
import type { Lease } from '../ports/ownership.ts';
import { LandingTaken, type SessionStore } from '../ports/session-store.ts';
import { completeDocuments, type DocumentsProject } from '../session/session-documents.ts';
import { whenFree } from '../when-free.ts';
import { createLanding } from './create-landing.ts';
import { type LandingFactsProject, landingFacts } from './landing-facts.ts';
import { landedBy, landingFailure } from './landing-report.ts';

/** The parts of the project that landing by itself needs. */
export interface AutoLandingProject
  extends LandingFactsProject,
    Omit<DocumentsProject, 'store'>,
    Omit<PlanStoreProject, 'store'> {
  readonly store: LandingFactsProject['store'] &
    PlanStoreProject['store'] &
    DocumentsProject['store'] &
    Pick<SessionStore, 'commit'>;
  readonly log: Log;
}

/** Maximum characters of an error in the record. */
const maxReason = 1_000;

/**
 * Stores the session that lands the work of a completed one, if its plan says so and none was stored since it ended.
 * Call it while this process still owns the completed session: if this process is killed first, the next owner does it.
 * @param lease of the completed session
 * @returns null if there is nothing to do. A failure is recorded, once; then the work can be landed by request.
 */
export async function landCompleted(
  project: AutoLandingProject,
  lease: Lease,
): Promise<{ readonly lease: Lease; readonly workflow: Workflow } | null> {
  const { sessionId: id } = lease;
  const ended = project.store.load(id);
  const { session } = ended;
  if (session.land !== 'auto' || session.state !== 'completed' || session.landing !== null) return null;
  const landing = landedBy(project.store, id);
  if (landing !== null && isSinceEnd(landing.createdAt, session)) return null;
  if (landingFailure(project.store, session) !== null) return null;
  try {
    const { target, scope } = await landingFacts(project, ended, null);
    if (scope.owners.length === 0) return null;
    const { depth, parent } = session;
    const choice = { target, squash: false, merger: null, origin: { depth, parent } };
    return await createLanding(project, ended, scope, choice);
  } catch (error) {
    if (isMaosError(error, 'STORE_BUSY')) throw error;
    if (error instanceof LandingTaken) return null;
    project.log.log('error', 'the work of a session does not land', { session: id, error });
    await recordFailure(project, lease, ended, error);
    return null;
  }
}

async function recordFailure(
  project: AutoLandingProject,
  lease: Lease,
  ended: Workflow,
  error: unknown,
): Promise<void> {
  const { store, clock } = project;
  const { id } = ended.session;
  const reason = startOf(error instanceof Error ? error.message : String(error), maxReason);
  const event = sessionEvent('session.landing_failed', id, clock.now(), {
    reason,
    command: `maos land ${id}`,
  });
  await whenFree(project, () => store.commit(lease, ended, { next: ended, events: [event] }));
  await completeDocuments(project, lease);
}
